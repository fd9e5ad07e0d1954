"""Passwords that nobody may choose, by zxcvbn's lists, which the hub's environment has."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("zxcvbn")


@pytest.fixture(scope="module")
def passwords(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("hubsmith_hub.passwords")


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "P@ssw0rd",
        "Password1",
        "12345678",
        "qwertyuiop",
        "sunshine",
        "iloveyou1",
        "Sommer2024",
        "jupyterhub1",
        "a" * 100,
    ],
)
def test_common_ones_are_refused_in_words(passwords: ModuleType, password: str) -> None:
    assert passwords.problem("ada", password).startswith("That password is easy to guess. ")


@pytest.mark.parametrize(
    "password", ["ada.lovelace", "ada.lovelace1", "Lovelace1", "ecalevol.ada", "lovelace2026"]
)
def test_the_users_own_name_is_refused(passwords: ModuleType, password: str) -> None:
    assert "easy to guess" in passwords.problem("ada.lovelace", password)


def test_the_message_says_that_it_is_the_name(passwords: ModuleType) -> None:
    assert "made from your name" in passwords.problem("ada.lovelace", "lovelace1")


def test_short_ones_are_refused(passwords: ModuleType) -> None:
    assert passwords.problem("ada", "x7!kQ2_") == "A password has at least 8 characters."


@pytest.mark.parametrize("password", ["a new one 42", "wobbly green teapot", "x7!kQ2_z", "abcd-efgh-jkmn"])
def test_others_are_taken(passwords: ModuleType, password: str) -> None:
    assert passwords.problem("ada", password) is None


@settings(max_examples=30, deadline=1000)
@given(st.text(max_size=200))
def test_every_text_has_an_answer(passwords: ModuleType, password: str) -> None:
    problem = passwords.problem("ada", password)
    assert problem is None or problem.endswith(".")
