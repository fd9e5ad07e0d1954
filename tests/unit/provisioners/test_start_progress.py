"""What the page that waits for a server is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="module")
def module(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("hubsmith_hub.start_progress")


@pytest.mark.parametrize(
    ("before", "message"),
    [(0, "You are next"), (1, "1 person is before you."), (3, "3 people are before you.")],
)
def test_how_many_are_before_one(module: ModuleType, before: int, message: str) -> None:
    assert module.waiting(before)["message"].startswith(message)


def test_the_bar_never_goes_back(module: ModuleType) -> None:
    events = [*(module.waiting(before) for before in range(100, -1, -1)), module.STARTING, module.LOADING]
    bar = [event["progress"] for event in events]
    assert bar == sorted(bar)
    assert bar[0] >= 0
    assert bar[-1] < 100


def test_an_event_comes_once_for_each_change(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_EVERY_S", 0)
    states = iter([module.waiting(1), module.waiting(1), module.waiting(0), module.STARTING])

    async def scene() -> list[Any]:
        seen: list[Any] = []
        async for event in module.events(lambda: next(states)):
            seen.append(event)
            if event == module.STARTING:
                break
        return seen

    assert asyncio.run(scene()) == [module.waiting(1), module.waiting(0), module.STARTING]
