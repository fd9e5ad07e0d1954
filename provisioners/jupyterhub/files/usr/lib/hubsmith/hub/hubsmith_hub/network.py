"""The network namespace of a user's servers: their address and port, and the properties of their units.

Namespaces are made by jupyter-network@.service, to which the units bind: it starts with a user's first server
and stops after the last.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Collection, Mapping

from hubsmith_network import addresses, settings
from hubsmith_network.ruleset import SERVER_PORTS

_RESOLV_CONF = "/run/hubsmith/network/resolv.conf"
_POLL_S = 0.1
_SETTLED_S = 60


def hub_url() -> str:
    """Where the hub listens: only users' servers, its proxy and this machine's programs reach it there."""
    return settings.read().hub_url


def address_of(uid: int) -> str:
    """The address of a user's servers. Raises ValueError for a number that is not one of the hub's users'."""
    return str(addresses.address_of(uid, settings.read().addresses))


def port_beside(used: Collection[int]) -> int:
    """A port for a server in its user's namespace, other than those of the user's other servers."""
    first, last = SERVER_PORTS
    return secrets.choice([port for port in range(first, last + 1) if port not in used])


def unit_of(uid: int) -> str:
    """The unit that makes the namespace."""
    return f"jupyter-network@{uid}.service"


def properties(uid: int, others: Mapping[str, str]) -> dict[str, str]:
    """What puts a unit with these other properties into the user's namespace, with a resolv.conf that works
    in there.

    Lists of systemd, which a site may have filled too, are added to.
    """
    lists = {
        "BindsTo": unit_of(uid),
        "After": unit_of(uid),
        "BindReadOnlyPaths": f"{_RESOLV_CONF}:/etc/resolv.conf",
    }
    joined = {
        key: " ".join(dict.fromkeys([*others.get(key, "").split(), value])) for key, value in lists.items()
    }
    return {**others, **joined, "NetworkNamespacePath": f"/run/netns/{addresses.namespace_of(uid)}"}


async def settled(uid: int) -> None:
    """Return when the namespace of a user whose last server has just ended is gone, at the latest after a
    minute.

    systemd-run refuses to start a unit that needs another one with a stop job.
    """
    for _ in range(round(_SETTLED_S / _POLL_S)):
        if not await _stops(uid):
            return
        await asyncio.sleep(_POLL_S)


async def _stops(uid: int) -> bool:
    command = ("systemctl", "show", "--property=ActiveState", "--property=Job", unit_of(uid))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    told, _ = await process.communicate()
    state = dict(line.split("=", 1) for line in told.decode().splitlines())
    return state.get("ActiveState") == "deactivating" or (
        state.get("ActiveState") == "active" and state.get("Job", "0") not in ("", "0")
    )
