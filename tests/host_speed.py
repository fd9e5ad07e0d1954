"""How fast the processors of this host are just now: a shared host can have a third of its usual speed."""

from __future__ import annotations

import os
import statistics
import time

_ADDITIONS = 1_000_000
_USUAL_S = 0.026  # for so many additions, in processor time; Python 3.11, an EPYC of 2.4 GHz
_SAMPLES = 25
# Below the first a run of everything comes close to CI's 90 minutes. The second is for the midst of a run,
# whose other processes share the processors' cores.
_SLOW, _SLOW_UNDER_LOAD = 0.7, 0.6
VARIABLE = "HUBSMITH_SLOW_HOST"


def share() -> float:
    """1.0 where a loop in Python takes as long as usual, 0.5 where twice that; the median of some."""
    return _USUAL_S / statistics.median(_sample_s() for _ in range(_SAMPLES))


def look() -> None:
    """Decide for this run and its other processes, unless HUBSMITH_SLOW_HOST says it already (1 or 0)."""
    os.environ.setdefault(VARIABLE, str(int(share() < _SLOW)))


def is_slow() -> bool:
    """Was it when the run began?"""
    return os.environ.get(VARIABLE) == "1"


def is_slow_now() -> bool:
    """Was it then, or is it by now? Once it is, it stays so for the rest of this process."""
    if not is_slow() and share() < _SLOW_UNDER_LOAD:
        os.environ[VARIABLE] = "1"
    return is_slow()


def _sample_s() -> float:
    began, total = time.process_time(), 0
    for number in range(_ADDITIONS):
        total += number
    return time.process_time() - began
