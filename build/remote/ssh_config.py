"""The configuration with which the stock ssh client reaches a machine whose host keys are known.

testinfra runs its commands through it; so do the operator of a hub and a user who looks into a kept builder.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from build.remote.keys import SshKey
from build.remote.ssh_target import SshTarget

ALIAS = "instance"
SHARED: Mapping[str, str] = MappingProxyType({"ControlMaster": "auto", "ControlPersist": "60"})
"""Options with which commands share a connection; it closes when nobody has used it for a minute."""


def write(
    target: SshTarget,
    folder: Path,
    control_socket: Path,
    options: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Write a configuration in which ALIAS means the machine; return its path.

    It goes into ``folder``, with the keys it needs (all 0600). Unix socket paths are limited to 107 bytes, so
    that ``control_socket``, where a shared connection lives, is not always there. A target without host keys
    of its own is reached as this user's ssh would reach it.
    """
    pinned = isinstance(target.host_keys, tuple)
    lines = {
        "HostName": target.address,
        "HostKeyAlias": target.name or target.known_as,
        "User": target.user,
        "Port": str(target.port or ""),
        "IdentityFile": _identity_file(target, folder),
        "UserKnownHostsFile": _known_hosts_file(target, folder),
        "StrictHostKeyChecking": "yes",
        **({"IdentitiesOnly": "yes", "GlobalKnownHostsFile": "/dev/null"} if pinned else {}),
        "ControlPath": str(control_socket),
        "LogLevel": "ERROR",
        **options,
    }
    config = folder / "ssh_config"
    own = f"Host {ALIAS}\n" + "".join(f'    {key} "{value}"\n' for key, value in lines.items() if value)
    _write(config, own if pinned else f"{own}Match all\n    Include ~/.ssh/config\n")
    return config


def command(config: Path, line: str = "", *options: str) -> list[str]:
    """The ssh command that runs ``line`` on the machine (a shell without one)."""
    return ["ssh", "-F", str(config), *options, ALIAS, *([line] if line else [])]


def share(config: Path) -> None:
    """Open the shared connection: of two who find none at once, one would say that it cannot share.

    That the machine cannot be reached is left to the first command to say.
    """
    options = [word for key, value in SHARED.items() for word in ("-o", f"{key}={value}")]
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(
            command(config, "true", *options, "-o", "BatchMode=yes"),
            capture_output=True,
            timeout=60,
            check=False,
        )


def close(config: Path) -> None:
    """End the shared connection, if one is open."""
    subprocess.run(command(config, "", "-O", "exit"), capture_output=True, timeout=10, check=False)


def _identity_file(target: SshTarget, folder: Path) -> str:
    if not isinstance(target.identity, SshKey):
        return str(target.identity.expanduser().absolute()) if target.identity else ""
    file = folder / "id_ed25519"
    _write(file, target.identity.private)
    return str(file)


def _known_hosts_file(target: SshTarget, folder: Path) -> str:
    if not isinstance(target.host_keys, tuple):
        return str(target.host_keys.expanduser().absolute()) if target.host_keys else ""
    file = folder / "known_hosts"
    _write(file, "".join(f"{target.name or target.known_as} {key}\n" for key in target.host_keys))
    return str(file)


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600, exist_ok=True)
    path.write_text(text, encoding="utf-8")
