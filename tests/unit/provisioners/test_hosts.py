"""The hosts of users on a hub with subdomains: a label that DNS takes, and no two alike."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import ModuleType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

USERS = st.from_regex(r"[a-z_][a-z0-9_.@-]{0,31}", fullmatch=True)
LIKE_DIGESTED = st.from_regex(r"u-[a-z]{1,8}--[0-9a-f]{7,20}", fullmatch=True)
DOMAIN = "hub.example.test"


@pytest.fixture(scope="module")
def host_of(program: Callable[[str], ModuleType]) -> Callable[[str, str, str], str]:
    found: Callable[[str, str, str], str] = program("hubsmith_hub.hosts").host_of
    return found


@pytest.mark.parametrize(
    "name", ["ada", "a", "ada-l", "test-0a1b2c3d", "hubsmith-check-0a1b2c", "x" * 32, "u-ada"]
)
def test_a_name_that_can_be_a_host_is_one(host_of: Callable[[str, str, str], str], name: str) -> None:
    assert host_of(name, DOMAIN, "user") == f"{name}.{DOMAIN}"


@pytest.mark.parametrize(
    "name",
    [
        "ada.l",
        "ada_l",
        "_ada",
        "ada@example.org",
        "ada-",
        "a--b",
        "xn--a",
        "u-ada--0123456",
        "www",
        "hub",
        "wpad",
    ],
)
def test_another_name_gets_a_digest(host_of: Callable[[str, str, str], str], name: str) -> None:
    assert re.fullmatch(rf"u-[a-z0-9]{{1,8}}--[0-9a-f]{{20}}\.{DOMAIN}", host_of(name, DOMAIN, "user"))


@given(st.one_of(USERS, LIKE_DIGESTED))
def test_it_is_one_label_which_a_wildcard_covers(host_of: Callable[[str, str, str], str], name: str) -> None:
    label = host_of(name, DOMAIN, "user").removesuffix(f".{DOMAIN}")
    assert re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", label)
    assert label[2:4] != "--"  # IDNA's


@given(st.one_of(USERS, LIKE_DIGESTED), st.one_of(USERS, LIKE_DIGESTED))
@example("ada.l", "ada_l")
@example("www", "u-www--0123456789abcdef0123")
def test_no_two_users_have_one(host_of: Callable[[str, str, str], str], first: str, second: str) -> None:
    assert (host_of(first, DOMAIN, "user") == host_of(second, DOMAIN, "user")) == (first == second)


@given(st.one_of(USERS, LIKE_DIGESTED), USERS)
@example("ada--service", "ada")
def test_no_user_has_that_of_a_service(
    host_of: Callable[[str, str, str], str], user: str, service: str
) -> None:
    assert host_of(user, DOMAIN, "user") != host_of(service, DOMAIN, "service")
