"""Ends what a user holds (servers, cookies, tokens), for root of the machine, whether the hub is up or not.

The hub can be down: nobody is let in by it then, and at its next start it does its part before anybody can
reach it (sessions.complete).
"""

from __future__ import annotations

import pwd
import subprocess
import time

from hubsmith_hub import accounts, marks, operator
from hubsmith_hub.units import slice_name

_NOT_THERE = 404
_PATIENCE_S = 180  # of a hub that hangs, the watchdog's time and that of a new start
_DOWN = ("inactive", "failed", "deactivating")


def remove(name: str) -> bool:
    """Close the account and end all that its user holds; False when the hub is down, and has its part still
    to do.

    Raises AccountError; HubError when the hub is up and does not do it.
    """
    accounts.close(name)
    _end_servers(name)
    return _told_hub(operator.user_path(name))


def sessions(name: str) -> bool:
    """End all that a user holds, who may come in again. As `remove`."""
    marks.put(name)
    _end_servers(name)
    done = _told_hub(f"{operator.user_path(name)}/sessions")
    if done:
        marks.clear(name)
    return done


def _end_servers(name: str) -> None:
    """At once, whatever their processes do with SIGTERM.

    The hub, where it is up, is asked to end those that are just starting.
    """
    unit = slice_name(pwd.getpwnam(name).pw_uid)
    _systemctl("kill", "--signal=SIGKILL", unit)
    _systemctl("stop", unit)


def _told_hub(path: str) -> bool:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            operator.call("DELETE", path, timeout_s=_PATIENCE_S)
        except operator.HubError as exc:
            if exc.status == _NOT_THERE:
                return True
            if exc.status or time.monotonic() > deadline:
                raise
            # One that is just starting may have read of the user before this: asked until it answers.
            if _systemctl("is-active", "jupyterhub.service") in _DOWN:
                return False
        else:
            return True
        time.sleep(1)


def _systemctl(*arguments: str) -> str:
    return subprocess.run(
        ["/usr/bin/systemctl", *arguments], capture_output=True, text=True, check=False
    ).stdout.strip()
