"""A hub's domain, and the names that follow from it."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from build.errors import UserError
from build.hubs.hub import Hub

LABELS = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=63)


@pytest.mark.parametrize(
    "given_name", ["hub.example.org", "Hub.Example.ORG", "hub.example.org.", " hub.example.org "]
)
def test_a_domain_is_taken_as_dns_has_it(given_name: str) -> None:
    assert Hub.named(given_name).domain == "hub.example.org"


@pytest.mark.parametrize(
    "wrong",
    [
        *(
            "",
            "hub",
            "https://hub.example.org",
            "hub.example.org/lab",
            "*.example.org",
            "hub_1.example.org",
            "-a.example.org",
        ),
        # No top-level domain is like these, so no zone and no certificate could be for them.
        *("a.b", "hub.example.o", "hub.example.c0m", "hub.xn--", "hub.example.xn---"),
        *("a..b", "10.0.0.1", "a" * 64 + ".example.org", ".".join(["abcdefgh"] * 29) + ".org"),
    ],
)
def test_what_cannot_be_a_host_name_is_the_users_own(wrong: str) -> None:
    with pytest.raises(UserError):
        Hub.named(wrong)


@given(
    st.tuples(
        st.lists(LABELS, min_size=1, max_size=8).map(".".join), st.sampled_from(["org", "ac.uk", "xn--p1ai"])
    )
    .map(".".join)
    .filter(lambda name: len(name) < 230)
)
def test_names_are_what_iam_and_ssm_allow(domain: str) -> None:
    hub = Hub.named(domain)
    assert re.fullmatch(r"[\w+=,.@-]{1,64}", hub.name)
    assert re.fullmatch(r"(/[A-Za-z0-9_.-]+){3}", hub.prefix)


def test_long_domains_with_the_same_beginning_have_names_of_their_own() -> None:
    domains = [f"{'a' * 60}.{'b' * n}.example.org" for n in range(1, 60)]
    assert len({Hub(domain).name for domain in domains}) == len(domains)


def test_its_names_are_the_domain_and_with_subdomains_the_wildcard() -> None:
    assert Hub("hub.example.org").names(subdomains=False) == ("hub.example.org",)
    assert Hub("hub.example.org").names(subdomains=True) == ("hub.example.org", "*.hub.example.org")
