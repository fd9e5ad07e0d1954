"""How long visitors were without the hub, and without any page, as this machine has seen it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from build.hubs import https_probe

EVERY_S = 0.25
_PROBE_S = 5.0


class Answer(Enum):
    """What a visitor gets."""

    HUB = "hub"
    PAGE = "page"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Sample:
    """One request: when its answer was there, or was given up, in seconds of the monotonic clock."""

    at: float
    answer: Answer


@dataclass(frozen=True)
class Gap:
    """In seconds; ``page_s`` is None where this machine could not ask."""

    hub_s: float
    page_s: float | None

    def __str__(self) -> str:
        closed = "not measured (443 is closed to this machine)"
        page = closed if self.page_s is None else f"{self.page_s:.1f} s"
        return f"without the hub: {self.hub_s:.1f} s; without any page: {page}"


def outage_s(samples: Sequence[Sample], good: Callable[[Answer], bool]) -> float:
    """The time from each last good answer to the next one, where others were between them.

    What comes before the first good answer counts from the first sample; what comes after the last, to the
    last sample. So it is rather too much than too little.
    """
    total, last_good, out = 0.0, samples[0].at if samples else 0.0, False
    for sample in samples:
        if good(sample.answer):
            total += sample.at - last_good if out else 0.0
            last_good, out = sample.at, False
        else:
            out = True
    return total + (samples[-1].at - last_good if out else 0.0)


class GapMeter:
    """Asks the hub's address again and again, in a thread, from ``start`` to ``stop``."""

    def __init__(self, ask: Callable[[], Answer]) -> None:
        self._ask = ask
        self._samples: list[Sample] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gap", daemon=True)
        self._began = self._until = 0.0
        self._measures = False

    def start(self, *, measures: bool) -> None:
        """Begin; not ``measures``: only look at the clock."""
        self._began, self._measures = time.monotonic(), measures
        if measures:
            self._thread.start()

    def stop(self) -> Gap:
        """End; what was seen until now."""
        self._until = self._until or time.monotonic()
        self._ended.set()
        if not self._measures:
            return Gap(self._until - self._began if self._began else 0.0, None)
        self._thread.join()
        hub = outage_s(self._samples, lambda answer: answer is Answer.HUB)
        return Gap(hub, outage_s(self._samples, lambda answer: answer is not Answer.NOTHING))

    def _run(self) -> None:
        while True:
            answer = self._ask()
            self._samples.append(Sample(time.monotonic(), answer))
            if self._ended.wait(EVERY_S):
                return


def ask(ip: str, domain: str) -> Answer:
    """What somebody at this address gives for an answer."""
    status = https_probe.status_of(ip, domain, timeout_s=_PROBE_S)
    if status == 0:
        return Answer.NOTHING
    return Answer.HUB if status == 200 else Answer.PAGE
