"""Whom the idle culler may stop: nobody whose server had no time to report since the hub came back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import ModuleType

import pytest

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("since_the_start_s", "inactive", "stopped"),
    [
        (0, 5 * HOUR, False),  # the hub was away for three hours
        (330, 5 * HOUR, False),  # a report may be on its way
        (391, 5 * HOUR, True),
        (391, 2 * HOUR, True),
        (391, HOUR, False),
        (391, None, False),
    ],
)
def test_who_is_stopped(
    program: Callable[[str], ModuleType], since_the_start_s: float, inactive: timedelta | None, stopped: bool
) -> None:
    now_s = 1000.0
    arbiter = program("hubsmith_hub.idle").Arbiter(300, lambda: now_s)
    now_s += since_the_start_s
    assert arbiter(inactive=inactive, inactive_limit=7200, server={}) is stopped
