"""What a hub is open for."""

from __future__ import annotations

from build.hubs.security_group import in_words
from build.launch.security_group import rules_for


def test_users_reach_the_hub_and_nothing_else() -> None:
    assert [in_words(rule) for rule in rules_for(["0.0.0.0/0"])] == ["443 to 0.0.0.0/0", "80 to 0.0.0.0/0"]
