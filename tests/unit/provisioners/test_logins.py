"""The queue of logins: who goes at once, who waits, who is turned away; time is mostly the test's own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest

CLASS, ATTACKER, HOME = "192.0.2.1", "198.51.100.7", "203.0.113.9"


@pytest.fixture(scope="module")
def module(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("hubsmith_hub.logins")


@pytest.fixture
def run(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[Any], Coroutine[Any, Any, None]]], None]:
    """A function that runs a scene with a queue of its own, in which a wrong login takes no time."""
    monkeypatch.setattr(module, "_FAILURE_TAKES_S", 0)

    def play(scene: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
        async def bounded() -> None:
            with ThreadPoolExecutor(4) as pool:
                logins = module.Logins(pool)
                try:
                    await asyncio.wait_for(scene(logins), timeout=20)
                finally:
                    for worker in logins._workers:
                        worker.cancel()
                    logins._slow_pool.shutdown()

        asyncio.run(bounded())

    return play


def wrong() -> None:
    return None


def thread() -> str:
    return threading.current_thread().name


def right(name: str) -> Callable[[], str]:
    return lambda: name


def test_a_first_attempt_goes_through_the_first_pool(run: Any) -> None:
    async def scene(logins: Any) -> None:
        assert "failed-logins" not in str(await logins.check(HOME, "ada", thread))
        assert logins._workers == []

    run(scene)


def test_after_a_failure_the_next_waits_and_goes_through_the_other(run: Any) -> None:
    async def scene(logins: Any) -> None:
        assert await logins.check(HOME, "ada", wrong) is None
        started = time.monotonic()
        assert "failed-logins" in str(await logins.check(HOME, "ada", thread))
        assert 0.4 < time.monotonic() - started < 2

    run(scene)


def test_of_attempts_at_once_from_a_new_address_one_goes_first(run: Any) -> None:
    """Guesses that are sent together must not all pass before the first has failed."""
    threads: list[str] = []

    def slow() -> None:
        threads.append(thread())
        time.sleep(0.05)

    async def scene(logins: Any) -> None:
        await asyncio.gather(*(logins.check(ATTACKER, f"name{number}", slow) for number in range(8)))

    run(scene)
    assert [name.startswith("failed-logins") for name in threads].count(False) == 1


def test_a_flood_is_turned_away_at_once_and_others_go_on(run: Any, module: ModuleType) -> None:
    """https://github.com/jupyterhub/nativeauthenticator/issues/21"""

    async def scene(logins: Any) -> None:
        await logins.check(ATTACKER, "ada", wrong)
        flood = [
            asyncio.create_task(logins.check(ATTACKER, f"name{number}", lambda: time.sleep(1)))
            for number in range(200)
        ]
        await asyncio.sleep(0.1)
        refused = [task for task in flood if task.done()]
        assert len(refused) >= 200 - module._MOST_OF_ADDRESS - 1
        assert all(isinstance(task.exception(), module.BusyError) for task in refused)
        assert 10 <= refused[0].exception().retry_after_s <= 30  # type: ignore[union-attr]
        started = time.monotonic()
        assert await logins.check(HOME, "ada", right("ada")) == "ada"
        assert time.monotonic() - started < 0.5
        for task in flood:
            task.cancel()

    run(scene)


def test_one_name_does_not_take_the_places_of_others_at_its_address(run: Any, module: ModuleType) -> None:
    async def scene(logins: Any) -> None:
        await logins.check(CLASS, "ada", wrong)
        guesses = [asyncio.create_task(logins.check(CLASS, "ada", wrong)) for _ in range(100)]
        await asyncio.sleep(0.01)
        assert sum(not task.done() for task in guesses) == module._MOST_OF_NAME
        assert await logins.check(CLASS, "bob", right("bob")) == "bob"
        for task in guesses:
            task.cancel()

    run(scene)


def test_addresses_take_turns(run: Any) -> None:
    """Somebody who has mistyped once does not wait for all of an attacker's attempts."""
    order: list[str] = []

    def one(who: str) -> Callable[[], str]:
        def verify() -> str:
            order.append(who)
            time.sleep(0.02)
            return who

        return verify

    async def scene(logins: Any) -> None:
        for address in (ATTACKER, HOME):
            await logins.check(address, "slip", wrong)
        flood = [logins.check(ATTACKER, f"name{number}", one("attacker")) for number in range(20)]
        await asyncio.gather(*flood, logins.check(HOME, "ada", one("ada")))

    run(scene)
    assert order.index("ada") <= 4


def test_guesses_at_one_name_are_looked_at_one_by_one(run: Any) -> None:
    """Two that are sent together must not both pass before the first has failed."""
    under_way: list[int] = [0, 0]

    def slow() -> str:
        under_way[0] += 1
        under_way[1] = max(under_way)
        time.sleep(0.05)
        under_way[0] -= 1
        return "ada"

    async def scene(logins: Any) -> None:
        await logins.check(ATTACKER, "eve", wrong)
        await asyncio.gather(*(logins.check(ATTACKER, "ada", slow) for _ in range(4)))

    run(scene)
    assert under_way == [0, 1]


def test_a_class_behind_one_address_gets_in(run: Any) -> None:
    async def scene(logins: Any) -> None:
        for _ in range(3):
            await logins.check(CLASS, "clumsy", wrong)
        names = [f"student{number}" for number in range(30)]
        started = time.monotonic()
        assert await asyncio.gather(*(logins.check(CLASS, name, right(name)) for name in names)) == names
        assert time.monotonic() - started < 2

    run(scene)


def test_who_hangs_up_is_forgotten(run: Any, module: ModuleType) -> None:
    looked_at: list[str] = []

    async def scene(logins: Any) -> None:
        for _ in range(3):
            await logins.check(ATTACKER, "ada", wrong)
        gone = logins.check(ATTACKER, "ada", lambda: looked_at.append("ada"), lambda: True)
        with pytest.raises(module.GoneError):
            await gone
        assert not logins._waiting

    run(scene)
    assert looked_at == []


def test_places_of_who_hung_up_are_free(run: Any, module: ModuleType) -> None:
    async def scene(logins: Any) -> None:
        await logins.check(ATTACKER, "ada", wrong)
        gone: list[bool] = []
        first = [
            asyncio.create_task(logins.check(ATTACKER, "ada", wrong, lambda: bool(gone)))
            for _ in range(module._MOST_OF_NAME)
        ]
        await asyncio.sleep(0.01)
        gone.append(True)
        assert await logins.check(ATTACKER, "ada", right("ada")) == "ada"
        assert all(
            isinstance(one, module.GoneError) for one in await asyncio.gather(*first, return_exceptions=True)
        )

    run(scene)


def test_a_failure_of_the_check_itself_reaches_who_asked_and_counts(run: Any) -> None:
    def broken() -> None:
        raise OSError("no PAM")

    async def scene(logins: Any) -> None:
        for _ in range(2):  # by either pool
            with pytest.raises(OSError, match="no PAM"):
                await logins.check(HOME, "ada", broken)
        assert logins._attempts.has_failed(HOME)
        assert await logins.check(HOME, "ada", right("ada")) == "ada"

    run(scene)


def test_a_wrong_login_takes_its_time_and_a_right_one_does_not(
    run: Any, module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FAILURE_TAKES_S", 0.4)

    async def scene(logins: Any) -> None:
        started = time.monotonic()
        await logins.check(HOME, "ada", right("ada"))
        assert time.monotonic() - started < 0.3
        await logins.check(HOME, "nobody", wrong)
        assert time.monotonic() - started > 0.4

    run(scene)
