"""Failed logins: what counts as one address, how the delay grows and fades; nothing is ever locked."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

HERE, THERE = "192.0.2.1", "198.51.100.7"
NAMES = st.sampled_from(["ada", "bob", "eve"])


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture(scope="module")
def attempts(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("hubsmith_hub.attempts")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def known(attempts: ModuleType, clock: Clock) -> Any:
    return attempts.Attempts(clock)


def wait(known: Any, clock: Clock, address: str, name: str) -> float:
    """Seconds until the next attempt."""
    return max(0.0, float(known.due(address, name)) - clock())


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_an_ipv6_address_counts_with_its_64(
    attempts: ModuleType, address: ipaddress.IPv6Address, host: int
) -> None:
    other = ipaddress.IPv6Address(int(address) >> 64 << 64 | host)
    if not address.ipv4_mapped and not other.ipv4_mapped:
        assert attempts.bucket(str(address)) == attempts.bucket(str(other))
    assert attempts.bucket(str(address)) != attempts.bucket(
        str(ipaddress.IPv6Address(int(address) ^ 1 << 64))
    )


@given(st.ip_addresses(v=4), st.ip_addresses(v=4))
def test_an_ipv4_address_counts_alone_however_the_proxy_writes_it(
    attempts: ModuleType, one: object, other: object
) -> None:
    assert (attempts.bucket(f"::ffff:{one}") == attempts.bucket(str(other))) == (one == other)


@given(st.text(max_size=200))
def test_whatever_an_address_is_it_has_a_short_bucket(attempts: ModuleType, address: str) -> None:
    assert len(attempts.bucket(address)) <= 64


def test_the_first_attempt_waits_for_nothing(known: Any, clock: Clock) -> None:
    assert wait(known, clock, HERE, "ada") == 0
    assert not known.has_failed(HERE)


def test_the_delay_grows_with_each_failure_up_to_its_cap(known: Any, clock: Clock) -> None:
    waits = []
    for _ in range(50):
        known.failed(HERE, "ada")
        waits.append(wait(known, clock, HERE, "ada"))
    assert waits[:4] == pytest.approx([0.5, 1, 2, 4])
    assert waits == sorted(waits)
    assert waits[-1] == 30


def test_a_class_behind_one_address_does_not_wait_for_the_slips_of_some(known: Any, clock: Clock) -> None:
    for number in range(10):
        known.failed(HERE, f"student{number}")
    assert wait(known, clock, HERE, "ada") == 0


def test_many_names_from_one_address_wait_too(known: Any, clock: Clock) -> None:
    for number in range(1000):
        known.failed(HERE, f"name{number}")
    assert wait(known, clock, HERE, "ada") == 2


@given(st.lists(NAMES, max_size=200))
def test_failures_elsewhere_lock_nobody(attempts: ModuleType, names: list[str]) -> None:
    clock = Clock()
    known = attempts.Attempts(clock)
    for name in names:
        known.failed(THERE, name)
    assert wait(known, clock, HERE, "ada") == 0
    assert not known.has_failed(HERE)
    assert wait(known, clock, THERE, "ada") <= 30


def test_a_right_login_clears_the_name_and_not_the_address(known: Any, clock: Clock) -> None:
    """Who has one account must not reset the count of their guesses at others by logging in."""
    for number in range(20):
        known.failed(HERE, f"name{number}")
        known.failed(HERE, "eve")
    before = wait(known, clock, HERE, "ada")
    known.succeeded(HERE, "eve")
    assert wait(known, clock, HERE, "eve") == wait(known, clock, HERE, "ada") == before > 0
    assert wait(known, clock, HERE, "name3") > 0
    assert known.has_failed(HERE)


def test_failures_fade(known: Any, clock: Clock) -> None:
    for _ in range(4):
        known.failed(HERE, "ada")
    clock.time += 10 * 60
    known.failed(HERE, "ada")  # two are left, and this one
    assert wait(known, clock, HERE, "ada") == pytest.approx(2, rel=0.01)
    clock.time += 2 * 3600
    assert not known.has_failed(HERE)


def test_memory_is_bounded_and_the_latest_are_kept(attempts: ModuleType, clock: Clock) -> None:
    known = attempts.Attempts(clock, most_keys=100)
    for number in range(1000):
        known.failed(f"10.0.{number // 256}.{number % 256}", "x" * 10_000)
    assert (len(known.by_address), len(known.by_name)) == (100, 100)
    assert known.has_failed("10.0.3.231")
    assert not known.has_failed("10.0.0.0")
    assert max(len(name) for _, name in known.by_name._known) <= 64
