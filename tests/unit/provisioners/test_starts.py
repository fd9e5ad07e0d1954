"""The queue of server starts: how many at a time, who is next, and that no place is ever lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="module")
def module(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("hubsmith_hub.starts")


@pytest.fixture
def run(module: ModuleType) -> Callable[[Callable[[Any], Coroutine[Any, Any, None]]], None]:
    """A function that plays a scene with a queue of its own."""

    def play(scene: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
        asyncio.run(asyncio.wait_for(scene(module.Starts()), timeout=20))

    return play


async def turns() -> None:
    """Let everything go on that can."""
    for _ in range(5):
        await asyncio.sleep(0)


def entering(starts: Any, names: str, places: int) -> dict[str, asyncio.Task[None]]:
    return {name: asyncio.ensure_future(starts.enter(name, places)) for name in names}


def in_place(tasks: dict[str, asyncio.Task[None]]) -> str:
    return "".join(name for name, task in tasks.items() if task.done() and not task.cancelled())


def test_so_many_start_at_a_time_and_the_others_in_their_order(run: Any) -> None:
    async def scene(starts: Any) -> None:
        tasks = entering(starts, "abcde", 2)
        await turns()
        assert in_place(tasks) == "ab"
        assert [starts.before(one) for one in "abcde"] == [None, None, [], ["c"], ["c", "d"]]
        starts.leave("b")
        await turns()
        assert in_place(tasks) == "abc"
        starts.leave("a")
        starts.leave("c")
        await turns()
        assert in_place(tasks) == "abcde"

    run(scene)


def test_nobody_overtakes_those_who_wait(run: Any) -> None:
    async def scene(starts: Any) -> None:
        tasks = entering(starts, "ab", 1)
        await turns()
        starts.leave("a")
        late = entering(starts, "c", 1)
        await turns()
        assert (in_place(tasks), in_place(late)) == ("ab", "")

    run(scene)


def test_a_first_one_goes_before_all_who_wait_but_takes_no_place_of_theirs(run: Any) -> None:
    async def scene(starts: Any) -> None:
        tasks = entering(starts, "abc", 1)
        await turns()
        check = {"x": asyncio.ensure_future(starts.enter("x", 1, first=True))}
        await turns()
        assert (in_place(tasks), in_place(check)) == ("a", "")
        assert starts.before("b") == ["x"]
        starts.leave("a")
        await turns()
        assert (in_place(tasks), in_place(check)) == ("a", "x")
        starts.leave("x")
        await turns()
        assert in_place(tasks) == "ab"

    run(scene)


def test_who_gives_up_leaves_the_queue_and_the_others_move_up(run: Any) -> None:
    async def scene(starts: Any) -> None:
        tasks = entering(starts, "abc", 1)
        await turns()
        tasks["b"].cancel()
        await turns()
        assert starts.before("b") is None
        assert starts.before("c") == []
        starts.leave("a")
        await turns()
        assert in_place(tasks) == "ac"

    run(scene)


def test_who_is_cancelled_in_the_moment_of_the_turn_gives_the_place_to_the_next(run: Any) -> None:
    async def scene(starts: Any) -> None:
        tasks = entering(starts, "abc", 1)
        await turns()
        starts.leave("a")  # b's turn, which b's task has not seen yet
        tasks["b"].cancel()
        await turns()
        assert tasks["b"].cancelled()
        assert in_place(tasks) == "ac"

    run(scene)


def test_a_start_that_hangs_gives_its_place_back(
    run: Any, module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(starts: Any) -> None:
        monkeypatch.setattr(module, "HELD_FOR_S", 0.05)
        tasks = entering(starts, "ab", 1)
        await turns()
        assert in_place(tasks) == "a"
        await tasks["b"]

    run(scene)


def test_the_time_of_an_earlier_start_does_not_end_a_later_one(
    run: Any, module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(starts: Any) -> None:
        monkeypatch.setattr(module, "HELD_FOR_S", 0.05)
        starts.occupy("x")
        starts.occupy("x")
        starts.leave("x")
        monkeypatch.setattr(module, "HELD_FOR_S", 60)
        starts.occupy("x")
        await asyncio.sleep(0.1)
        tasks = entering(starts, "a", 1)
        await turns()
        assert in_place(tasks) == ""

    run(scene)


def test_a_start_that_is_under_way_counts_and_so_does_its_end(run: Any) -> None:
    async def scene(starts: Any) -> None:
        starts.occupy("x")
        starts.occupy("x")
        tasks = entering(starts, "a", 1)
        await turns()
        assert in_place(tasks) == ""
        starts.leave("x")
        await turns()
        assert in_place(tasks) == "a"

    run(scene)


def test_more_may_be_under_way_than_there_are_places(run: Any) -> None:
    async def scene(starts: Any) -> None:
        for one in "xyz":
            starts.occupy(one)
        tasks = entering(starts, "a", 2)
        for one, expected in (("x", ""), ("y", "a")):
            starts.leave(one)
            await turns()
            assert in_place(tasks) == expected

    run(scene)


def test_leaving_twice_takes_no_place_of_anybody_else(run: Any) -> None:
    async def scene(starts: Any) -> None:
        tasks = entering(starts, "abc", 1)
        await turns()
        starts.leave("a")
        starts.leave("a")
        await turns()
        assert in_place(tasks) == "ab"

    run(scene)


def test_the_second_start_of_the_same_server_waits_anew(run: Any) -> None:
    async def scene(starts: Any) -> None:
        tasks = entering(starts, "ab", 1)
        await turns()
        starts.leave("a")
        again = entering(starts, "a", 1)
        await turns()
        assert in_place(again) == ""
        assert starts.before("a") == []
        starts.leave("b")
        await turns()
        assert (in_place(tasks), in_place(again)) == ("ab", "a")

    run(scene)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_all_have_their_turn_and_never_too_many(run: Any, seed: int) -> None:
    chance = random.Random(seed)

    async def scene(starts: Any) -> None:
        inside: set[int] = set()
        came: list[int] = []
        most = 0

        async def one(number: int) -> None:
            nonlocal most
            try:
                await starts.enter(number, 3)
                came.append(number)
                inside.add(number)
                most = max(most, len(inside))
                await asyncio.sleep(chance.random() / 200)
            finally:
                inside.discard(number)
                starts.leave(number)

        tasks = [asyncio.ensure_future(one(number)) for number in range(60)]
        for task in chance.sample(tasks, 20):
            await asyncio.sleep(chance.random() / 400)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert most == 3
        assert came == sorted(came)
        assert {number for number, task in enumerate(tasks) if not task.cancelled()} <= set(came)
        starts.leave(-1)
        assert (starts._waiting, starts._held) == ({}, {})

    run(scene)
