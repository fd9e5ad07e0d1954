"""Work that nobody looks at is use of a server: a busy kernel, a terminal that prints, whatever computes.

Jupyter counts requests, what kernels print, and what terminals print into an open page. A kernel that sleeps
or computes for hours without a word looks idle to it, and the hub's culler stops its server:
https://github.com/jupyterhub/jupyterhub-idle-culler/issues/55
"""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Protocol

COMPUTES = 0.1
"""Processors in use beside the server's own process that count as work. Idle kernels use far less."""

# jupyter_server takes the latest of all settings whose names end like this
# (ServerWebApplication.last_activity).
_SETTING = "hubsmith_last_activity"
_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")


class Kernels(Protocol):
    """jupyter_server's MappingKernelManager."""

    def list_kernel_ids(self) -> list[str]:
        """Of all kernels of the server."""

    def get_kernel(self, kernel_id: str) -> object:
        """Its ``execution_state`` says what it does, once it has said anything."""


class SingleUser(Protocol):
    """jupyterhub.singleuser.extension.JupyterHubSingleUser."""

    serverapp: Any

    async def notify_activity(self) -> None:
        """Report the last activity to the hub."""


class Watch:
    """Whether there was work since the last look. ``used_s`` gives seconds of processor time so far."""

    def __init__(self, used_s: Callable[[], float], now_s: Callable[[], float] = time.monotonic) -> None:
        self._used_s, self._now_s = used_s, now_s
        self._before = used_s(), now_s()

    def has_work(self, kernels: Kernels) -> bool:
        """Is a kernel of this manager busy, or was a processor in use?"""
        used, now = self._used_s(), self._now_s()
        used_before, before = self._before
        self._before = used, now
        return _is_busy(kernels) or used - used_before > COMPUTES * (now - before)


def report_with(single_user: type[SingleUser], watch: Watch) -> None:
    """Let JupyterHub's application look for work each time before it reports its last activity to the hub."""
    reported: Callable[[SingleUser], Awaitable[None]] = single_user.notify_activity

    @functools.wraps(reported)
    async def notify_activity(self: SingleUser) -> None:
        settings = self.serverapp.web_app.settings
        uses = _outputs_of_terminals(settings)
        if watch.has_work(self.serverapp.kernel_manager):
            uses.append(datetime.now(timezone.utc))
        if uses:
            settings[_SETTING] = max(uses)
        await reported(self)

    single_user.notify_activity = notify_activity  # type: ignore[method-assign]


def processor_s() -> float:
    """Processor time of all processes of this server's unit but this one, in seconds; 0 where the kernel does
    not tell.
    """
    try:
        path = _OWN_CGROUP.read_text(encoding="ascii").strip().rpartition("::/")[2]
        statistics = (_CGROUPS / path / "cpu.stat").read_text(encoding="ascii").split()
        total = int(statistics[statistics.index("usage_usec") + 1]) / 1e6
    except (OSError, ValueError, IndexError):
        return 0.0
    return total - time.process_time()


def _is_busy(kernels: Kernels) -> bool:
    states = (
        getattr(kernels.get_kernel(kernel), "execution_state", "") for kernel in kernels.list_kernel_ids()
    )
    return "busy" in states


def _outputs_of_terminals(settings: Mapping[str, Any]) -> list[datetime]:
    """When each terminal printed last: jupyter_server_terminals notes it, and does not count it."""
    terminals = getattr(settings.get("terminal_manager"), "terminals", {}).values()
    return [one.last_activity for one in terminals if hasattr(one, "last_activity")]
