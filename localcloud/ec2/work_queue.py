"""Background work: one thread at a time looks at each thing, and again when it was woken meanwhile."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable

_log = logging.getLogger("hubsmith.localcloud")


class KeyedQueue:
    """Runs the work of a key after `wake(key, work)`; never twice at once for the same key, never lost.

    A thread per key at work, because most of them wait for a guest; they end when nothing is left to do.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._again: dict[Hashable, Callable[[], None] | None] = {}
        self._closed = False

    def wake(self, key: Hashable, work: Callable[[], None]) -> None:
        """Have work() run soon: now in a thread of its own, or right after this key's current run."""
        with self._condition:
            if self._closed:
                return
            busy = key in self._again
            self._again[key] = work if busy else None
        if not busy:
            threading.Thread(target=self._run, args=(key, work), name=str(key), daemon=True).start()

    def busy(self, key: Hashable) -> bool:
        """Is the key being worked on?"""
        with self._condition:
            return key in self._again

    @property
    def closed(self) -> bool:
        """Is no more work taken?"""
        return self._closed

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until nothing is being worked on; False when the time is over first."""
        with self._condition:
            return self._condition.wait_for(lambda: not self._again, timeout_s)

    def close(self) -> None:
        """Take no more work; what runs goes on."""
        with self._condition:
            self._closed = True

    def _run(self, key: Hashable, work: Callable[[], None] | None) -> None:
        while work is not None:
            try:
                work()
            except Exception:
                _log.exception("%s: unexpected", key)
            with self._condition:
                work = self._again.pop(key)
                if work is not None and not self._closed:
                    self._again[key] = None
                else:
                    work = None
                    self._condition.notify_all()
