"""Schedule: have rebuild run at set times."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

from build.commands.common import cli_session, warn_of_endpoint
from build.commands.options import SHIPPED, ManifestOptions, manifest_task
from build.errors import UserError
from build.report.reporter import Reporter

if TYPE_CHECKING:
    from build.manifest import Manifest
    from build.rebuild.schedule.cloudformation_template import Source
    from build.rebuild.schedule.job import Job
    from build.rebuild.schedule.weekly_time import WeeklyTime

KEEPERS = ("systemd", "cron", "github", "aws")
_INSTEAD = {
    "systemd": "runs this checkout, and its journal has what failed",
    "cron": "runs this checkout, and mails what failed to its user",
    "github": "runs the repository that the workflow is in, and mails failures itself",
}


@manifest_task(
    help={
        "manifest": f"FILE  The manifest to rebuild (default: {SHIPPED})",
        "cloud": "local|aws  Where to build (default: the manifest's cloud; with --on github|aws: aws)",
        "profile": "NAME  Apply this profile of the manifest; can be repeated",
        "set": "KEY=VALUE  Override a value; can be repeated",
        "every": 'TIME  When (required): "Mon 03:00", "Mon-Fri 22:30", "daily 03:00" '
        "(local time; github, aws: UTC)",
        "on": "systemd|cron|github|aws  The scheduler (default: systemd where it runs, else cron)",
        "max-age": "AGE  Rebuild also when the image's packages are older (default: 7d; empty: never)",
        "check": "Only check: the run fails with exit code 3 when a rebuild is due",
        "prune": "Afterwards remove what retention does not keep",
        "notify": "ADDRESS  aws: email this address when a rebuild fails",
        "source": "URL  aws: the git repository, https (default: this checkout's origin)",
        "revision": "NAME  aws: branch, tag or commit (default: this checkout's branch)",
        "show": "Only print what would be written",
        "remove": "Remove the schedule",
    },
)
def schedule(
    choice: ManifestOptions,
    every: str = "",
    on: str = "",
    max_age: str = "7d",
    check: bool = False,
    prune: bool = False,
    notify: str = "",
    source: str = "",
    revision: str = "",
    show: bool = False,
    remove: bool = False,
) -> None:
    """Rebuild at set times, if anything has changed.

    By a systemd timer, cron, a GitHub workflow or a CodeBuild project.
    """
    from build.rebuild.due import age_limit
    from build.rebuild.schedule.job import Job
    from build.rebuild.schedule.weekly_time import WeeklyTime

    with cli_session() as report:
        keeper = _keeper(on)
        _refuse_unused(keeper, {"--source": source, "--revision": revision, "--notify": notify})
        _check_address(notify)
        choice = replace(choice, cloud=choice.cloud or ("aws" if keeper in ("github", "aws") else ""))
        chosen = choice.load(building=True)
        if remove:
            _remove(Job(chosen.image.name, WeeklyTime((0,), 0, 0), ()), keeper, chosen, report)
            return
        age_limit(max_age)
        options = _options(choice)
        job = Job(chosen.image.name, _when(every), options, max_age, prune, check)
        if show:
            report.result(_text(job, keeper, chosen, source, revision, notify).rstrip("\n"))
        else:
            _install(job, keeper, chosen, report, _text(job, keeper, chosen, source, revision, notify))


def _keeper(on: str) -> str:
    from build.rebuild.schedule import systemd

    if not on:
        return "systemd" if systemd.BOOTED.is_dir() else "cron"
    if on not in KEEPERS:
        raise UserError(f"--on {on}: not a scheduler", hint=f"one of {', '.join(KEEPERS)}")
    return on


def _refuse_unused(keeper: str, given: dict[str, str]) -> None:
    """What only a CodeBuild project has a use for. Raises UserError where something else would ignore it."""
    if keeper != "aws" and (unused := [option for option, value in given.items() if value]):
        raise UserError(
            f"{', '.join(unused)}: only for --on aws; {keeper} {_INSTEAD[keeper]}",
            hint=f"leave {'it' if len(unused) == 1 else 'them'} out, or schedule with --on aws",
        )


def _check_address(notify: str) -> None:
    """SNS would take anything, and mail nobody."""
    from build.manifest.schema import value_rules

    if notify and (complaint := value_rules.email(notify)):
        raise UserError(f"--notify {notify}: {complaint}")


def _when(every: str) -> WeeklyTime:
    from build.rebuild.schedule.weekly_time import WeeklyTime

    if not every:
        raise UserError("--every is required", hint='invoke schedule --every "Mon 03:00"')
    return WeeklyTime.parse(every)


def _options(choice: ManifestOptions) -> tuple[str, ...]:
    """The options of the commands that will run, from the checkout's own folder."""
    from build.rebuild.schedule.job import REPOSITORY

    path = os.path.relpath(choice.manifest, REPOSITORY)
    path = os.path.abspath(choice.manifest) if path.startswith("..") else path  # noqa: PTH100  # not resolved: a link may be meant
    where = ["--manifest", path] if path != SHIPPED else []
    which = ["--cloud", choice.cloud] if choice.cloud else []
    several = (("--profile", choice.profile), ("--set", choice.set))
    more = [word for option, values in several for value in values or () for word in (option, value)]
    if broken := next((word for word in (*where, *more) if not word.isprintable()), None):
        raise UserError(
            f"{broken!r}: cannot be an option of a schedule, which has one line",
            hint="write it into the manifest",
        )
    return (*where, *which, *more)


def _text(job: Job, keeper: str, manifest: Manifest, source: str, revision: str, notify: str) -> str:
    from build.rebuild.schedule import cron, github, systemd
    from build.rebuild.schedule.cloudformation_template import template

    if keeper == "systemd":
        return "\n".join(
            f"# {systemd.folder() / name}\n{content}" for name, content in systemd.units(job).items()
        )
    if keeper == "cron":
        return cron.lines(job)
    if keeper == "github":
        return github.workflow(job, manifest.region)
    return template(job, manifest, _source(source, revision), notify)


def _install(job: Job, keeper: str, manifest: Manifest, report: Reporter, text: str) -> None:
    from build.aws.session import cloudformation
    from build.rebuild.schedule import cloudformation as schedule_cloudformation
    from build.rebuild.schedule import cron, github, systemd
    from build.rebuild.schedule.job import REPOSITORY

    if keeper == "systemd":
        report.note(systemd.install(job))
    elif keeper == "cron":
        report.note(cron.install(job))
    elif keeper == "github":
        path = github.path(REPOSITORY, job)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        report.note("commit and push it; GitHub runs the workflows of the default branch")
        report.result(str(path))
        return
    else:
        client = cloudformation(manifest.region)
        warn_of_endpoint(report, client)
        with report.step("deploy the stack"):
            schedule_cloudformation.deploy(client, job.name, text, report, manifest.builder.tags)
        path = REPOSITORY / f"{job.name}.template.yaml"
        path.write_text(text, encoding="utf-8")
        report.note(f"template {path}")
    report.result(job.name)


def _remove(job: Job, keeper: str, manifest: Manifest, report: Reporter) -> None:
    from build.aws.session import cloudformation
    from build.rebuild.schedule import cloudformation as schedule_cloudformation
    from build.rebuild.schedule import cron, github, systemd
    from build.rebuild.schedule.job import REPOSITORY

    if keeper == "systemd":
        removed = systemd.remove(job.name)
    elif keeper == "cron":
        removed = cron.remove(job.name)
    elif keeper == "github":
        path = github.path(REPOSITORY, job)
        removed = path.exists()
        path.unlink(missing_ok=True)
    else:
        client = cloudformation(manifest.region)
        warn_of_endpoint(report, client)
        with report.step("delete the stack"):
            removed = schedule_cloudformation.remove(client, job.name, report)
    report.note(f"{job.name}: removed" if removed else f"there is no {job.name} on {keeper}")


def _source(url: str, revision: str) -> Source:
    """The repository CodeBuild clones: an ssh address is of no use to it."""
    from build.rebuild.schedule.cloudformation_template import Source

    url = url or _git("remote", "get-url", "origin")
    if url.startswith("git@") and ":" in url:
        host, _, path = url[len("git@") :].partition(":")
        url = f"https://{host}/{path}"
    if not url.startswith("https://"):
        raise UserError(
            f"--source {url or '(no origin)'}: not a repository that AWS can fetch", hint="--source https://…"
        )
    return Source(
        url, revision or _git("symbolic-ref", "--short", "HEAD") or _git("rev-parse", "HEAD") or "main"
    )


def _git(*arguments: str) -> str:
    from build.rebuild.schedule.job import REPOSITORY

    done = subprocess.run(
        ["git", "-C", str(REPOSITORY), *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else ""
