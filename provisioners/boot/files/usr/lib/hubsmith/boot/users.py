"""Who may use the hub: everybody of the registry, and the administrator this machine was launched with."""

from __future__ import annotations

import logging
import pwd
import subprocess
from pathlib import Path

from hubsmith_hub import accounts, disk_guard, disk_limits, first_password, registry, userdb
from hubsmith_machine.launch import Launch
from hubsmith_machine.parameters import PASSWORD, ParameterError, Parameters

log = logging.getLogger("hubsmith-boot")


def restore(launch: Launch) -> dict[str, str]:
    """Put the registry's users into this machine; {name: why not} of those who had no place.

    Raises ValueError, OSError.
    """
    if launch.volume_id is None:
        return {}
    problems = registry.place()
    users = registry.load().users
    for name, problem in problems.items():
        log.warning("%s cannot log in to this machine: %s", name, problem)
    for name in users.keys() - problems.keys():
        if users[name].is_open:
            _home(name)
    return problems


def limit_disk(launch: Launch) -> None:
    """Set everybody's disk limit on the data volume, and keep inodes for the hub.

    A failure is logged and keeps no hub from starting: the limits of the last boot are on the volume.
    """
    if launch.volume_id is None:
        return
    try:
        for name, limit in disk_limits.begin().items():
            log.warning(
                "%s has files from before there were disk limits: gets a limit of %.1f GiB",
                name,
                limit.max_bytes / 2**30,
            )
        if not disk_limits.apply():
            log.warning("the data volume keeps no quotas: users' disk limits do not hold")
        disk_guard.look()
    except (OSError, ValueError, KeyError) as exc:
        log.error("users' disk limits could not be set: %s", exc)  # noqa: TRY400 - the words are enough


def summary(problems: dict[str, str]) -> str:
    """How many may log in, in words."""
    count = sum(user.is_open for user in userdb.seen(registry.read_files()).users.values())
    missing = (
        f"; not {', '.join(f'{name} ({why})' for name, why in sorted(problems.items()))}" if problems else ""
    )
    return f"{count} user{'' if count == 1 else 's'} may log in{missing}"


def administrator(launch: Launch, parameters: Parameters) -> None:
    """The account of launch.json's admin: there, in hubadmins, and with a password.

    Raises ValueError, ParameterError, AccountError.
    """
    name = launch.admin
    if name is None:
        return
    if not accounts.exists(name):
        accounts.create(name)
    if not accounts.is_ordinary(name) or pwd.getpwnam(name).pw_uid < userdb.FIRST_UID:
        raise ValueError(
            f"launch.json: admin: {name} is an account of the machine itself: launch with another --admin"
        )
    if accounts.is_closed(name):
        log.warning(
            "the account of %s, launch.json's admin, is closed: an administrator of the hub can open it "
            "again",
            name,
        )
        return
    accounts.join(name, "hubadmins")
    _first_password(name, launch.first_password_hours, parameters)


def _first_password(name: str, hours: int, parameters: Parameters) -> None:
    """The one from SSM, where the account has none, or where a launch has made another and none was used."""
    found = first_password.state_of(name)
    is_needed = found == "unfinished" or (found == "none" and not accounts.has_password(name))
    if not is_needed and found not in ("waiting", "expired"):
        return
    try:
        password = parameters.get(PASSWORD)
    except ParameterError as exc:
        if is_needed:
            raise
        log.info("the first password of %s stays as it is: %s", name, exc)
        return
    if first_password.is_new(name, password):
        first_password.give(name, password, hours)
        log.info("%s administers this hub, with the first password from SSM, for %s hours", name, hours)


def _home(name: str) -> None:
    """Made as at a first login, where the volume has none."""
    if not Path(pwd.getpwnam(name).pw_dir).exists():
        subprocess.run(["/usr/sbin/mkhomedir_helper", name, "0077"], check=False, capture_output=True)
