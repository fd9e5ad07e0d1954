"""What the stock ssh client needs to reach an instance with its pinned host key.

testinfra runs its commands through it, and so does a user who looks into a kept builder.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from build.remote.shell import Target

ALIAS = "instance"


def write_config(target: Target, folder: Path, control_socket: Path) -> Path:
    """Write ssh_config, identity and known_hosts (all 0600) into ``folder``; return the config's path.

    ``control_socket`` is where the shared connection lives; unix socket paths are limited to 107 bytes, so it
    is not always inside ``folder``.
    """
    identity, known_hosts, config = folder / "id_ed25519", folder / "known_hosts", folder / "ssh_config"
    name = target.address if target.port == 22 else f"[{target.address}]:{target.port}"
    _write(identity, target.identity.private)
    _write(known_hosts, f"{name} {target.host_key}\n")
    options = {
        "HostName": target.address,
        "Port": str(target.port),
        "User": target.user,
        "IdentityFile": str(identity),
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": str(known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "HostKeyAlgorithms": "ssh-ed25519",
        "StrictHostKeyChecking": "yes",
        "ControlPath": str(control_socket),
        "LogLevel": "ERROR",
    }
    _write(config, f"Host {ALIAS}\n" + "".join(f'    {key} "{value}"\n' for key, value in options.items()))
    return config


@dataclass(frozen=True)
class Login:
    """Who logs in to a machine, and with what; the user's own ssh configuration decides what is not said."""

    user: str = ""
    identity: str = ""
    port: int = 0
    known_hosts: str = ""


def write_operators_config(host: str, login: Login, folder: Path, control_socket: Path) -> Path:
    """A configuration in which ALIAS is ``host`` as this user's ssh reaches it, key checked; its path."""
    options = {
        "HostName": host,
        "HostKeyAlias": host if login.port in (0, 22) else f"[{host}]:{login.port}",
        "User": login.user,
        "IdentityFile": str(Path(login.identity).expanduser()) if login.identity else "",
        "UserKnownHostsFile": str(Path(login.known_hosts).expanduser().absolute())
        if login.known_hosts
        else "",
        "Port": str(login.port or ""),
        "ControlPath": str(control_socket),
        "StrictHostKeyChecking": "yes",
        "LogLevel": "ERROR",
    }
    config = folder / "ssh_config"
    own = f"Host {ALIAS}\n" + "".join(f'    {key} "{value}"\n' for key, value in options.items() if value)
    _write(config, f"{own}Match all\n    Include ~/.ssh/config\n")
    return config


def write_hub_config(
    name: str, address: str, user: str, identity: Path, host_keys: Sequence[str], folder: Path
) -> Path:
    """A configuration in which ALIAS is the hub ``name`` at ``address`` with these host keys; its path."""
    known_hosts = folder / "known_hosts"
    _write(known_hosts, "".join(f"{name},{address} {key}\n" for key in host_keys))
    options = {
        "HostName": address,
        "HostKeyAlias": name,
        "User": user,
        "IdentityFile": str(identity),
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": str(known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        # A security group's rule takes a moment until it is in force.
        "ConnectTimeout": "10",
        "ConnectionAttempts": "30",
        "ServerAliveInterval": "15",
        "ControlMaster": "auto",
        "ControlPersist": "60",
        "ControlPath": str(folder / "control"),
        "LogLevel": "ERROR",
    }
    config = folder / "ssh_config"
    _write(config, f"Host {ALIAS}\n" + "".join(f'    {key} "{value}"\n' for key, value in options.items()))
    return config


def share(config: Path) -> None:
    """Open the shared connection: of two who find none at once, one would say that it cannot share.

    It closes when nobody has used it for a minute. That the machine cannot be reached is left to the first
    command to say.
    """
    options = ("-o", "ControlMaster=auto", "-o", "ControlPersist=60", "-o", "BatchMode=yes")
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(
            ["ssh", "-F", str(config), *options, ALIAS, "true"], capture_output=True, timeout=60, check=False
        )


def close(config: Path) -> None:
    """End the shared connection, if one is open."""
    subprocess.run(
        ["ssh", "-F", str(config), "-O", "exit", ALIAS], capture_output=True, timeout=10, check=False
    )


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600, exist_ok=True)
    path.write_text(text, encoding="utf-8")
