"""A GitHub Actions workflow.

GitHub keeps time in UTC, may be late, and makes up for nothing: the next run sees what is due.
"""

from __future__ import annotations

import json
from pathlib import Path

from build.aws.regions import partition_of
from build.rebuild.schedule.job import INVOKE, LIMIT_MINUTES, SETUP, Job


def path(folder: Path, job: Job) -> Path:
    """Where GitHub looks for it."""
    return folder / ".github" / "workflows" / f"{job.name}.yml"


def workflow(job: Job, region: str) -> str:
    """The file.

    The role it assumes is a variable of the repository. docs/howto/aws.md says how to create it: it trusts
    GitHub (docs/reference/iam/github-trust.json), has the policy build.json, and allows sessions as long as
    the job. The action's default is an hour, and its keys are not renewed.
    """
    # The action's README, "audience": that of the partition's STS.
    audience = "\n          audience: sts.amazonaws.com.cn" if partition_of(region) == "aws-cn" else ""
    runs = "\n".join(f"      - run: {_scalar(line)}" for line in job.lines(INVOKE))
    return f"""\
# Written by `invoke schedule --on github`. Set the repository variable AWS_ROLE_ARN to a role that GitHub may
# assume, for sessions of {LIMIT_MINUTES // 60} hours (its MaxSessionDuration): see docs/howto/aws.md.
name: {job.name}
on:
  schedule:
    - cron: "{job.when.cron}"    # UTC
  workflow_dispatch: {{}}
permissions:
  contents: read
  id-token: write
concurrency:
  group: {job.name}
  cancel-in-progress: false
jobs:
  rebuild:
    runs-on: ubuntu-24.04
    timeout-minutes: {LIMIT_MINUTES}
    steps:
      - uses: actions/checkout@v7
      - uses: aws-actions/configure-aws-credentials@v6
        with:
          role-to-assume: ${{{{ vars.AWS_ROLE_ARN }}}}
          aws-region: {region}{audience}
          role-duration-seconds: {LIMIT_MINUTES * 60}
      - run: {SETUP}
{runs}
"""


def _scalar(text: str) -> str:
    """A YAML scalar on one line: JSON's strings are."""
    return json.dumps(text, ensure_ascii=False)
