"""Which hosted zone holds a name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from build.hubs.dns import in_words, longest_match, points_to

NAMES = st.lists(st.sampled_from(["a", "b", "hub", "xhub", "example", "org"]), min_size=1, max_size=5).map(
    ".".join
)


@pytest.mark.parametrize(
    ("zones", "found"),
    [
        (["example.org", "org"], "example.org"),
        (["example.org", "dept.example.org"], "dept.example.org"),
        (["hub.dept.example.org", "dept.example.org"], "hub.dept.example.org"),
        (["ept.example.org", "xample.org"], None),
        (["other.org"], None),
        ([], None),
    ],
)
def test_the_longest_zone_that_holds_the_name(zones: list[str], found: str | None) -> None:
    assert longest_match("hub.dept.example.org", zones) == found


@given(NAMES, st.lists(NAMES, max_size=8))
def test_it_holds_the_name_and_no_longer_one_does(domain: str, zones: list[str]) -> None:
    labels = domain.split(".")
    holding = [zone for zone in zones if labels[-len(zone.split(".")) :] == zone.split(".")]
    assert longest_match(domain, zones) == max(holding, key=lambda zone: len(zone.split(".")), default=None)


def test_a_record_is_ours_only_with_this_one_address() -> None:
    own = {"Type": "A", "ResourceRecords": [{"Value": "192.0.2.7"}]}
    assert points_to(own, "192.0.2.7")
    assert not points_to(own, "192.0.2.8")
    assert not points_to(own, None)
    assert not points_to(
        {"Type": "A", "ResourceRecords": [{"Value": "192.0.2.7"}, {"Value": "192.0.2.8"}]}, "192.0.2.7"
    )
    assert not points_to({"Type": "CNAME", "ResourceRecords": [{"Value": "192.0.2.7"}]}, "192.0.2.7")
    assert in_words({"Type": "A", "AliasTarget": {"DNSName": "lb.example.org."}}) == "A alias lb.example.org."
