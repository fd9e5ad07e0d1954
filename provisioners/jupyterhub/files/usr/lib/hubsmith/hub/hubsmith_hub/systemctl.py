"""What the hub asks of systemd beside starting a server: to end units for certain, and to limit users.

All are coroutines, so that the hub goes on meanwhile. They raise SystemctlError with systemctl's own words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

_PATIENCE_S = 60
_ENDED = ("inactive", "failed")
# Calls that may fail: a transient unit is forgotten as soon as it has ended, between two of them too.


class SystemctlError(Exception):
    """systemctl refused, or a unit does not end."""


async def gone(unit: str) -> None:
    """Return when nothing of the unit runs any more; it is stopped as systemd stops units, and killed where
    that is not enough.

    A unit that is being stopped counts as not active, and its processes still run: is-active does not say so.
    """
    if await _state(unit) in _ENDED:
        return
    await _run("stop", "--no-block", unit, may_fail=True)
    if not await _ended_within(unit, _PATIENCE_S):
        await kill(unit)


async def kill(unit: str) -> None:
    """End every process of the unit, whatever it does with SIGTERM."""
    if await _state(unit) in _ENDED:
        return
    # A process can fork between two looks at the group, so again until systemd sees nobody.
    for _ in range(_PATIENCE_S):
        await _run("kill", "--kill-whom=all", "--signal=SIGKILL", unit, may_fail=True)
        await _run("stop", "--no-block", unit, may_fail=True)
        if await _ended_within(unit, 1):
            return
    raise SystemctlError(f"{unit} is still {await _state(unit)}")


async def limit(unit: str, properties: Mapping[str, str]) -> None:
    """Set resource limits of a unit until the machine's next boot, whether it is there already or not."""
    await _run("set-property", "--runtime", unit, *(f"{name}={value}" for name, value in properties.items()))


async def _ended_within(unit: str, seconds: float) -> bool:
    deadline = asyncio.get_running_loop().time() + seconds
    while await _state(unit) not in _ENDED:
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(0.2)
    return True


async def _state(unit: str) -> str:
    return (await _run("show", "--property", "ActiveState", "--value", unit)).strip()


async def _run(verb: str, *arguments: str, may_fail: bool = False) -> str:
    process = await asyncio.create_subprocess_exec(
        "/usr/bin/systemctl", verb, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    if process.returncode != 0 and not may_fail:
        raise SystemctlError(
            err.decode(errors="replace").strip() or f"systemctl {verb} ended with status {process.returncode}"
        )
    return out.decode(errors="replace")
