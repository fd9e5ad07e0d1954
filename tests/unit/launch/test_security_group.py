"""Rules of a security group, and those that are to go again."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from build.launch.security_group import UNTIL, IngressRule, _plain, in_words, rules_for, rules_of


def until(delta: timedelta) -> str:
    return f"{UNTIL}{(datetime.now(timezone.utc) + delta).isoformat(timespec='seconds')} by ada@host"


@pytest.mark.parametrize(
    ("description", "expired", "temporary"),
    [
        (5, False, True),  # in so many minutes: from when the test runs, which is long after its collection
        (-5, True, False),
        (f"{UNTIL}nobody knows", True, False),
        ("the hub", False, False),
        ("", False, False),
    ],
)
def test_a_rule_says_itself_when_it_ends(description: str | int, expired: bool, temporary: bool) -> None:
    if isinstance(description, int):
        description = until(timedelta(minutes=description))
    rule = IngressRule(22, 22, "tcp", "192.0.2.7/32", description)
    assert (rule.expired, rule.temporary) == (expired, temporary)


def test_rules_are_read_as_they_are_written() -> None:
    rules = [
        IngressRule(443, 443, "tcp", "0.0.0.0/0", "the hub"),
        IngressRule(443, 443, "tcp", "2001:db8::/32", "the hub"),
        IngressRule(0, 65535, "-1", "10.0.0.0/8", "a hand's"),
    ]
    group: Any = {"IpPermissions": [rule.permission for rule in rules]}
    assert rules_of(group) == rules
    assert [in_words(rule) for rule in rules] == [
        "443 to 0.0.0.0/0",
        "443 to 2001:db8::/32",
        "everything to 10.0.0.0/8",
    ]


def test_users_reach_the_hub_and_nothing_else() -> None:
    assert [in_words(rule) for rule in rules_for(["0.0.0.0/0"])] == ["443 to 0.0.0.0/0", "80 to 0.0.0.0/0"]


def test_a_description_holds_what_ec2_allows() -> None:
    assert _plain('jürgen@büro "x"') == "j-rgen@b-ro -x-"
