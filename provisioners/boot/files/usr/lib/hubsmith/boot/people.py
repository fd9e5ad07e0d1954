"""Who may use the hub: everybody of the registry, and the administrator this machine was launched with."""

from __future__ import annotations

import logging
import pwd
import subprocess
import sys
from pathlib import Path

from hubsmith_machine.launch import Launch
from hubsmith_machine.parameters import Parameters

sys.path.insert(0, "/usr/lib/hubsmith/hub")
from hubsmith_hub import accounts, registry

log = logging.getLogger("hubsmith-boot")

PASSWORD = "admin-password"  # noqa: S105 - the name of a parameter


def restore(launch: Launch) -> str | None:
    """Put the registry's users into this machine; what was done in words. Raises ValueError, OSError."""
    if launch.volume_id is None:
        return None
    problems = registry.place()
    people = registry.load().users
    for name, problem in problems.items():
        log.warning("%s cannot log in to this machine: %s", name, problem)
    for name in people.keys() - problems.keys():
        if people[name].is_open:
            _home(name)
    missing = f"; not {', '.join(f'{name} ({why})' for name, why in sorted(problems.items()))}" if problems else ""
    return f"{len(people) - len(problems)} users are in place{missing}"


def administrator(launch: Launch, parameters: Parameters) -> None:
    """The account of launch.json's admin: there, in hubadmins, and with a password. Raises ValueError, ParameterError, AccountError."""
    name = launch.admin
    if name is None:
        return
    if not accounts.exists(name):
        accounts.create(name)
    if not accounts.is_ordinary(name) or pwd.getpwnam(name).pw_uid < accounts.FIRST_UID:
        raise ValueError(f"launch.json: admin: {name} is an account of the machine itself: launch with another --admin")
    if accounts.is_closed(name):
        log.warning("the account of %s, launch.json's admin, is closed: an administrator of the hub can open it again", name)
        return
    accounts.join(name, "hubadmins")
    if not accounts.has_password(name):
        accounts.set_password(name, parameters.get(PASSWORD))
        log.info("%s administers this hub, with the first password from SSM", name)


def _home(name: str) -> None:
    """Made as at a first login, where the volume has none."""
    if not Path(pwd.getpwnam(name).pw_dir).exists():
        subprocess.run(["/usr/sbin/mkhomedir_helper", name, "0077"], check=False, capture_output=True)
