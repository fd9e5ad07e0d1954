"""QMP: the library of the QEMU project, asked from plain functions.

QEMU serves one client of a monitor at a time and lets the next one wait, so each conversation is as short as
its question.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from qemu.qmp import ExecuteError, QMPClient, QMPError
from qemu.qmp.message import Message

from build.errors import MachineError

T = TypeVar("T")
TIMEOUT_S = 30.0


class Monitor:
    """The QMP socket of one machine; every call connects anew."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket

    def execute(
        self, command: str, arguments: Mapping[str, object] | None = None, *, timeout_s: float = TIMEOUT_S
    ) -> object:
        """Run one command and return its answer; raises MachineError with QEMU's words, or when it does not
        answer in time.
        """
        return self._converse(lambda client: client.execute(command, arguments), timeout_s)

    def query(self, command: str) -> list[dict[str, Any]]:
        """Run one of the query commands that answer with a list of objects."""
        answer = self.execute(command)
        return [dict(item) for item in answer] if isinstance(answer, list) else []

    def human(self, line: str, *, timeout_s: float = TIMEOUT_S) -> str:
        """Run a line of the human monitor, which reports failure as text: the caller judges the answer."""
        return str(self.execute("human-monitor-command", {"command-line": line}, timeout_s=timeout_s)).strip()

    def release(self) -> str:
        """The version of the QEMU that runs the machine ("10.0.13")."""
        answer = self.execute("query-version")
        version = answer["qemu"] if isinstance(answer, dict) else {}
        return ".".join(str(version.get(part, 0)) for part in ("major", "minor", "micro"))

    def execute_until(
        self, command: str, arguments: Mapping[str, object], event: str, device: str, *, timeout_s: float
    ) -> None:
        """Run a command and wait for its event about that device; raises MachineError after timeout_s."""

        async def conversation(client: QMPClient) -> None:
            def is_wanted(message: Message) -> bool:
                data = message.get("data")
                return isinstance(data, dict) and data.get("device") == device

            with client.listener(event, is_wanted) as listener:
                await client.execute(command, arguments)
                await listener.get()

        self._converse(conversation, timeout_s)

    def _converse(self, conversation: Callable[[QMPClient], Awaitable[T]], timeout_s: float) -> T:
        async def whole() -> T:
            client = QMPClient("hubsmith")
            await client.connect(str(self.socket))
            try:
                return await conversation(client)
            finally:
                with contextlib.suppress(QMPError, EOFError):
                    await client.disconnect()

        try:
            return asyncio.run(asyncio.wait_for(whole(), timeout_s))
        except ExecuteError as problem:
            raise MachineError(f"QEMU refused: {problem}") from problem
        except (asyncio.TimeoutError, TimeoutError):
            raise MachineError(f"QEMU did not answer on {self.socket} within {timeout_s:g} s") from None
        except (QMPError, OSError, EOFError) as problem:
            raise MachineError(f"cannot speak to QEMU on {self.socket}: {problem}") from problem
