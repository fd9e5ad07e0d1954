"""Two lines of the user's crontab: one for the time, one for the runs the machine was off for."""

from __future__ import annotations

import shlex
import subprocess

from build.errors import HubsmithError, UserError
from build.rebuild.schedule.job import INVOKE, REPOSITORY, Job, environment


def lines(job: Job) -> str:
    """The block for a crontab.

    It says something, which cron sends by mail, only when something is wrong: then all that was said.
    """
    variables = "".join(f"{name}={shlex.quote(value)} " for name, value in environment().items())

    def shell(*more: str) -> str:
        commands = " && ".join(_silent(f"{variables}{line}") for line in job.lines(INVOKE, *more))
        # A % is a line's end to cron.
        return f"cd {shlex.quote(str(REPOSITORY))} && {commands}".replace("%", "\\%")

    return f"""\
{_begin(job.name)}
{job.when.cron} {shell()}
@reboot sleep 120; {shell("--catch-up", str(job.when))}
{_end(job.name)}
"""


def _silent(command: str) -> str:
    """The command in a shell, without a word unless it fails."""
    return f"""said=$({command} 2>&1) || {{ printf '%s\\n' "$said"; exit 1; }}"""


def install(job: Job) -> str:
    """Write the lines into the crontab, in place of those that were there; return what there is to know."""
    _write(_without(job.name, _read()) + lines(job))
    return "`crontab -l` shows the two lines"


def remove(name: str) -> bool:
    """Take the lines out; whether there were any."""
    before = _read()
    after = _without(name, before)
    if before != after:
        _write(after)
    return before != after


def _begin(name: str) -> str:
    return f"# {name}: begin, written by `invoke schedule`"


def _end(name: str) -> str:
    return f"# {name}: end"


def _without(name: str, text: str) -> str:
    kept, inside = [], False
    for line in text.splitlines(keepends=True):
        inside = inside or line.rstrip("\n") == _begin(name)
        if not inside:
            kept.append(line if line.endswith("\n") else line + "\n")
        inside = inside and line.rstrip("\n") != _end(name)
    return "".join(kept)


def _read() -> str:
    done = _crontab("-l")
    return done.stdout if done.returncode == 0 else ""  # 1: this user has none yet


def _write(text: str) -> None:
    done = _crontab("-", text)
    if done.returncode != 0:
        raise HubsmithError(f"crontab: {done.stderr.strip()}")


def _crontab(argument: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["crontab", argument], input=text, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise UserError(
            "there is no crontab on this machine", hint="apt install cron, or --on systemd"
        ) from None
