"""The faults that are set now. Safe among threads; nothing here is kept when the server ends."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from localcloud.faults.consistency import Consistency, Use, uses
from localcloud.faults.fault import RESOURCES, Call, Fault

_log = logging.getLogger("hubsmith.localcloud.faults")


@dataclass
class _Set:
    """A fault with its number, when it was set and how often it is still to happen (None: always)."""

    number: int
    fault: Fault
    since: float
    left: int | None


@dataclass(frozen=True)
class Verdict:
    """What is to happen to a call: so many seconds of delay, then that error, or none."""

    delay_s: float = 0.0
    code: str = ""


@dataclass(frozen=True)
class _Hold:
    began: float
    until: float


class Faults:
    """Asked by the API for each call, and by the model for each state change."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._set: list[_Set] = []
        self._holds: dict[tuple[str, str], _Hold] = {}
        self.consistency = Consistency(clock)
        self.on_change: list[Callable[[Faults], None]] = []  # called after a fault was set or cleared

    def set(self, *faults: Fault) -> None:
        """Let these happen from now on."""
        with self._lock:
            for fault in faults:
                self._set.append(_Set(next(self._numbers), fault, self._clock(), fault.times))
                _log.info("fault set: %s", fault)
        self._tell()

    def clear(self, number: int | None = None) -> bool:
        """Forget one fault, or all with every delay under way; False when there is no such number."""
        with self._lock:
            before = len(self._set)
            self._set = [found for found in self._set if number is not None and found.number != number]
            if number is None:
                self._holds.clear()
                self.consistency.forget()
            found = number is None or len(self._set) < before
            _log.info("faults cleared: %s", number or "all")
        self._tell()
        return found

    def listed(self) -> list[tuple[int, Fault, int | None]]:
        """(number, fault, how often it is still to happen)."""
        with self._lock:
            return [(found.number, found.fault, found.left) for found in self._set]

    def meet(self, call: Call) -> Verdict:
        """What is to happen to this call; counts."""
        delay_s, code = 0.0, ""
        with self._lock:
            for found in list(self._set):
                if found.fault.kind not in ("delay", "error") or not _means(found.fault, call):
                    continue
                if found.fault.kind == "delay":
                    delay_s += found.fault.seconds or 0
                elif code:
                    continue  # one error a call: the next one is for the next call
                code = code or found.fault.code
                self._count(found)
        if delay_s or code:
            _log.info(
                "%s %s: %s",
                call.service,
                call.action,
                " then ".join(filter(None, [f"{delay_s:g} s" if delay_s else "", code])),
            )
        return Verdict(delay_s, code)

    def _count(self, found: _Set) -> None:
        if found.left is not None:
            found.left -= 1
            if found.left == 0:
                self._set.remove(found)

    def begin(self, change: str, resource_id: str, gib: float = 0.0) -> None:
        """A state change begins; it is held for as long as a fault says. ``gib``: how much data it copies."""
        with self._lock:
            asked = [found.fault for found in self._set if found.fault.change == change]
            seconds = max(
                ((fault.seconds or 0) + (fault.seconds_per_gib or 0) * gib for fault in asked), default=0.0
            )
            if seconds:
                now = self._clock()
                self._holds = {key: hold for key, hold in self._holds.items() if hold.until > now}
                self._holds[change, resource_id] = _Hold(now, now + seconds)
            else:
                self._holds.pop((change, resource_id), None)

    def is_held(self, change: str, resource_id: str) -> bool:
        """Is that state change still to take its time?"""
        hold = self._holds.get((change, resource_id))
        return hold is not None and self._clock() < hold.until

    def share(self, change: str, resource_id: str) -> float:
        """Of a held state change: the share of its time that has passed, 0 to 1; 0 for others."""
        hold = self._holds.get((change, resource_id))
        return 0.0 if hold is None else min(1.0, (self._clock() - hold.began) / (hold.until - hold.began))

    @property
    def hides(self) -> bool:
        """Has anybody to look for new resources?"""
        return self.consistency.longest_s > 0 or any(
            found.fault.kind in ("hide", "consistency") for found in self._set
        )

    def note_new(self, resource_ids: Iterable[str]) -> None:
        """These were made just now."""
        with self._lock:
            faults = [found.fault for found in self._set]
        lags = [fault.seconds or 0.0 for fault in faults if fault.kind == "consistency"]
        longest_s = max([self.consistency.longest_s, *lags])
        for resource_id in sorted(resource_ids):
            hidden = [fault.seconds or 0.0 for fault in faults if _hides(fault, resource_id)]
            self.consistency.note(resource_id, hidden_s=max(hidden, default=0.0), longest_s=longest_s)

    def is_hidden(self, resource_id: str) -> bool:
        """Is it so new that the call which this thread answers does not know it?"""
        return self.consistency.is_unknown(resource_id)

    def unknown(self, call: Call, *, knows_all: bool = False) -> Use | None:
        """The first thing that a call names and does not know yet. The call is this thread's from now on."""
        self.consistency.answer(None if knows_all else call.action)
        return next((use for use in uses(call) if self.is_hidden(use.resource_id)), None)

    def lacks_capacity(self, zone: str, instance_type: str) -> bool:
        """Is that availability zone to have no capacity for that instance type?"""
        return any(
            fnmatchcase(zone, found.fault.zone) and fnmatchcase(instance_type, found.fault.instance_type)
            for found in self._set
            if found.fault.kind == "no-capacity"
        )

    @property
    def route53_pending(self) -> bool:
        """Are Route 53's changes to stay PENDING?"""
        now = self._clock()
        found = [each for each in self._set if each.fault.kind == "route53-pending"]
        return any(each.fault.seconds is None or now < each.since + each.fault.seconds for each in found)

    @property
    def acme_refuses(self) -> bool:
        """Is Pebble to refuse certificates?"""
        return any(found.fault.kind == "acme-refuse" for found in self._set)

    def _tell(self) -> None:
        for listener in self.on_change:
            listener(self)


def _means(fault: Fault, call: Call) -> bool:
    pattern = fault.call if ":" in fault.call else f"*:{fault.call}"
    if not fnmatchcase(f"{call.service}:{call.action}", pattern):
        return False
    return all(
        any(fnmatchcase(name, wanted) and fnmatchcase(value, pattern) for name, value in call.parameters)
        for wanted, pattern in fault.where.items()
    )


def _hides(fault: Fault, resource_id: str) -> bool:
    return fault.kind == "hide" and (
        fault.resource == "*" or resource_id.startswith(RESOURCES.get(fault.resource, "-"))
    )
