"""The administrator's first password on its machine: how long it works, what the first login changes, when
SSM need not have it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

NAME, HOUR = "alice", 3600


class Machine:
    """The accounts of one, and a clock."""

    def __init__(self) -> None:
        self.shadow, self.now, self.count = {NAME: "!"}, 1_000_000.0, 0

    def set_password(self, name: str, password: str) -> None:
        self.count += 1  # the same password has another hash each time
        self.shadow[name] = f"$y${self.count}${password}"

    def has_password(self, name: str) -> bool:
        return not self.shadow[name].startswith("!")

    def run(self, command: list[str], **_: object) -> None:
        assert command == ["usermod", "--lock", "--", NAME]
        self.shadow[NAME] = "!" + self.shadow[NAME]


@pytest.fixture
def machine(
    first: ModuleType, people: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Machine:
    made = Machine()
    monkeypatch.setattr(first, "FILE", tmp_path / "first-password.json")
    monkeypatch.setattr(first.accounts, "password_hash", lambda name: made.shadow[name])
    monkeypatch.setattr(first, "time", SimpleNamespace(time=lambda: made.now))
    monkeypatch.setattr(first, "subprocess", SimpleNamespace(run=made.run))
    monkeypatch.setattr(first.accounts, "set_password", made.set_password)
    monkeypatch.setattr(first.accounts, "has_password", made.has_password)
    return made


@pytest.fixture(scope="module")
def first(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("hubsmith_hub.first_password")


@pytest.fixture(scope="module")
def people(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("boot.people")


def test_the_first_login_is_accepted_and_must_change_it(first: ModuleType, machine: Machine) -> None:
    first.give(NAME, "secret", hours=72)
    assert (first.state_of(NAME), first.must_change(NAME), first.is_in_ssm_for_nothing(NAME)) == (
        "waiting",
        False,
        False,
    )
    assert first.accept_login(NAME)
    assert (first.state_of(NAME), first.must_change(NAME), first.is_in_ssm_for_nothing(NAME)) == (
        "used",
        True,
        True,
    )
    machine.now += 1000 * HOUR  # who has logged in is not locked out, but has still to change it
    assert first.accept_login(NAME)
    assert first.lock_expired() == []
    assert first.must_change(NAME)
    machine.set_password(NAME, "another")
    assert (first.state_of(NAME), first.must_change(NAME), first.accept_login(NAME)) == (
        "changed",
        False,
        True,
    )


def test_when_its_time_has_passed_it_is_refused_and_locked_and_a_reset_gives_another(
    first: ModuleType, machine: Machine
) -> None:
    first.give(NAME, "secret", hours=2)
    machine.now += 2 * HOUR - 1
    assert first.lock_expired() == []
    assert first.state_of(NAME) == "waiting"
    machine.now += 1
    assert not first.accept_login(NAME)  # also before the program that locks it has looked
    assert first.is_in_ssm_for_nothing(NAME)
    assert first.lock_expired() == [NAME]
    assert not machine.has_password(NAME)
    assert first.lock_expired() == []
    machine.set_password(NAME, "of a reset")
    assert first.accept_login(NAME)
    assert not first.must_change(NAME)
    assert first.lock_expired() == []


def test_whoever_never_had_one_is_left_alone(first: ModuleType, machine: Machine) -> None:
    machine.shadow["bob"] = "$y$bob"
    assert first.accept_login("bob")
    assert not first.must_change("bob")
    assert first.is_in_ssm_for_nothing("bob")  # a hub of before
    assert not first.is_in_ssm_for_nothing(NAME)  # who has no password yet still needs it


def test_one_that_could_not_be_set_is_none_that_lasts(
    first: ModuleType, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: str) -> None:
        raise first.accounts.AccountError("full")

    monkeypatch.setattr(first.accounts, "set_password", broken)
    with pytest.raises(first.accounts.AccountError):
        first.give(NAME, "secret", hours=72)
    assert (first.state_of(NAME), first.is_new(NAME, "secret"), first.is_in_ssm_for_nothing(NAME)) == (
        "unfinished",
        True,
        False,
    )


def test_nobody_else_reads_the_file_and_it_holds_no_password(first: ModuleType, machine: Machine) -> None:
    first.give(NAME, "secret", hours=72)
    assert first.FILE.stat().st_mode & 0o777 == 0o600
    assert "secret" not in first.FILE.read_text()
    assert sorted(json.loads(first.FILE.read_text())[NAME]) == ["hash", "until", "used", "value"]


def test_a_file_that_cannot_be_read_is_told_and_forgets_nobody(first: ModuleType, machine: Machine) -> None:
    first.FILE.write_text("{")
    with pytest.raises(ValueError, match=r"first-password\.json cannot be read"):
        first.accept_login(NAME)


class Parameters:
    """SSM with one parameter, or without."""

    def __init__(self, people: ModuleType, password: str | None) -> None:
        self.people, self.password, self.asked = people, password, 0

    def get(self, _: str) -> str:
        self.asked += 1
        if self.password is None:
            raise self.people.ParameterError("ParameterNotFound")
        return self.password


def boot(people: ModuleType, password: str | None) -> int:
    """How often a boot asks SSM."""
    parameters: Any = Parameters(people, password)
    people._first_password(NAME, 72, parameters)
    return int(parameters.asked)


def test_a_boot_needs_the_parameter_only_while_nobody_has_used_it(
    first: ModuleType, people: ModuleType, machine: Machine
) -> None:
    with pytest.raises(people.ParameterError):
        boot(people, None)
    boot(people, "secret")
    until = first.load()[NAME].until
    machine.now += HOUR
    boot(people, "secret")
    assert (first.load()[NAME].until, machine.count) == (until, 1), "a boot gives no more time"
    boot(people, None)
    first.accept_login(NAME)
    assert boot(people, "of a later launch") == 0
    machine.set_password(NAME, "another")
    assert boot(people, None) == 0
    assert machine.count == 2


def test_a_later_launch_may_give_another_to_who_never_came(
    first: ModuleType, people: ModuleType, machine: Machine
) -> None:
    boot(people, "secret")
    machine.now += 100 * HOUR
    first.lock_expired()
    boot(people, None)
    assert first.state_of(NAME) == "expired"
    boot(people, "another")
    assert first.state_of(NAME) == "waiting"
    assert machine.shadow[NAME].endswith("$another")


def test_a_hub_of_before_keeps_its_password(people: ModuleType, machine: Machine) -> None:
    machine.set_password(NAME, "old")
    assert boot(people, "secret") == 0
    assert machine.count == 1
