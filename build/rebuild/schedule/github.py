"""A GitHub Actions workflow.

GitHub keeps time in UTC, may be late, and makes up for nothing: the next run sees what is due.
"""

from __future__ import annotations

import json
from pathlib import Path

from build.rebuild.schedule.job import INVOKE, SETUP, Job


def path(folder: Path, job: Job) -> Path:
    """Where GitHub looks for it."""
    return folder / ".github" / "workflows" / f"{job.name}.yml"


def workflow(job: Job, region: str) -> str:
    """The file.

    The role it assumes is a variable of the repository, and has the policy docs/reference/iam/build.json.
    """
    runs = "\n".join(f"      - run: {_scalar(line)}" for line in job.lines(INVOKE))
    return f"""\
# Written by `invoke schedule --on github`.
# Set the repository variable AWS_ROLE_ARN to a role that GitHub may assume.
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
    timeout-minutes: 240
    steps:
      - uses: actions/checkout@v4
      - uses: aws-actions/configure-aws-credentials@v4
        with:
          role-to-assume: ${{{{ vars.AWS_ROLE_ARN }}}}
          aws-region: {region}
      - run: {SETUP}
{runs}
"""


def _scalar(text: str) -> str:
    """A YAML scalar on one line: JSON's strings are."""
    return json.dumps(text, ensure_ascii=False)
