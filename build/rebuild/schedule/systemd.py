"""A systemd timer: of the machine when root asks, of the user otherwise."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from build.errors import HubsmithError, UserError
from build.rebuild.schedule.job import INVOKE, REPOSITORY, Job, environment

BOOTED = Path("/run/systemd/system")
"""Exists where systemd runs (sd_booted(3))."""


def units(job: Job) -> dict[str, str]:
    """File name -> content."""
    return {f"{job.name}.service": _service(job), f"{job.name}.timer": _timer(job)}


def folder() -> Path:
    """Where this user's units live."""
    if os.geteuid() == 0:
        return Path("/etc/systemd/system")
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"


def install(job: Job) -> str:
    """Write and start the timer; return what there is to know. Raises UserError without a running systemd."""
    _require()
    folder().mkdir(parents=True, exist_ok=True)
    for name, content in units(job).items():
        (folder() / name).write_text(content, encoding="utf-8")
    _systemctl("daemon-reload")
    _systemctl("enable", "--now", f"{job.name}.timer")
    linger = (
        ""
        if os.geteuid() == 0
        else "\nit runs while you are logged in; `loginctl enable-linger` makes it run always"
    )
    return f"{folder() / job.name}.timer; `systemctl{_user()} list-timers` shows when it runs next{linger}"


def remove(name: str) -> bool:
    """Stop and remove the timer; whether there was one."""
    _require()
    files = [folder() / f"{name}.{kind}" for kind in ("timer", "service")]
    if not any(path.exists() for path in files):
        return False
    _systemctl("disable", "--now", f"{name}.timer")
    for path in files:
        path.unlink(missing_ok=True)
    _systemctl("daemon-reload")
    return True


def _service(job: Job) -> str:
    variables = "".join(
        f"Environment={_quoted(f'{name}={value}')}\n" for name, value in environment().items()
    )
    starts = "".join(
        f"ExecStart={' '.join(_quoted(word) for word in (str(REPOSITORY / INVOKE), *command))}\n"
        for command in job.commands()
    )
    return f"""\
# Written by `invoke schedule`.
[Unit]
Description=Rebuild the image {job.image.replace("%", "%%")} if something has changed
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
WorkingDirectory={REPOSITORY}
{variables}{starts}TimeoutStartSec=6h
Nice=10
# The local cloud, if the run had to start it, is to stay.
KillMode=process
"""


def _timer(job: Job) -> str:
    return f"""\
# Written by `invoke schedule`.
[Unit]
Description=Rebuild the image {job.image.replace("%", "%%")}: {job.when}

[Timer]
OnCalendar={job.when.systemd}
# A run that the machine slept through is made up for.
Persistent=true

[Install]
WantedBy=timers.target
"""


def _quoted(word: str) -> str:
    """As systemd.syntax(7) wants it: % and $ doubled, quoted where there are blanks or quotes."""
    plain = word.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$")
    return '"' + plain.replace('"', '\\"') + '"' if any(char in plain for char in " \t'\";") else plain


def _require() -> None:
    if not BOOTED.is_dir():
        raise UserError("systemd does not run on this machine", hint="--on cron, or --show to see the units")


def _user() -> str:
    return "" if os.geteuid() == 0 else " --user"


def _systemctl(*arguments: str) -> None:
    command = ["systemctl", *_user().split(), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise HubsmithError(f"{' '.join(command)}: {done.stderr.strip()}")
