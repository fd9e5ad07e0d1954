"""An end for a whole run: CI ends it after 90 minutes, without a summary, and then nothing is known of it.

With HUBSMITH_TEST_MINUTES, on a slow host, what no longer fits is skipped and named. On any other host a run
that takes too long is a fault, and goes on.
"""

from __future__ import annotations

import os
import time

import pytest

from tests import host_speed, xdist_groups

VARIABLE = "HUBSMITH_TEST_MINUTES"
_END = "HUBSMITH_TESTS_END"  # seconds since 1970, for the other processes of a run
WORDS = f"no time left ({VARIABLE}) on a slow host"
# What a test may need, at a third of the usual speed, and the clean-up after it. The first is for those that
# boot the image.
_OF_THE_IMAGE_S, _OF_A_MACHINE_S, _ELSE_S = 600.0, 300.0, 60.0
_BOOTS_THE_IMAGE = {"golden_hub", "key"}  # fixtures


def begin() -> None:
    """Say when the run ends, once for all of its processes."""
    if (minutes := os.environ.get(VARIABLE)) and _END not in os.environ:
        os.environ[_END] = str(time.time() + 60 * float(minutes))


def left_s() -> float:
    """Seconds until then; infinity without a limit."""
    return float(os.environ.get(_END, "inf")) - time.time()


def left_for_a_bake_s() -> float:
    """Seconds until it is too late for anything that looks at the build or its image."""
    return max(left_s() - 2 * _ELSE_S, 0.0)


def skip_what_no_longer_fits(item: pytest.Item) -> None:
    """Skip a test, before its fixtures, for which no time is left."""
    if left_s() < _needed_s(item):
        skip_where_slow()


def skip_where_slow() -> None:
    """Skip the test that is running, if the host is slow."""
    if host_speed.is_slow_now():
        pytest.skip(WORDS)


def _needed_s(item: pytest.Item) -> float:
    if xdist_groups.needs_the_bake(item):
        boots = _BOOTS_THE_IMAGE.intersection(getattr(item, "fixturenames", ()))
        return _OF_THE_IMAGE_S if boots else _ELSE_S
    return _OF_A_MACHINE_S if item.get_closest_marker("vm") else _ELSE_S
