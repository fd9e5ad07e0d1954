"""Whoever launches is let in while they wait for the hub, and no longer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from build.hubs.security_group import in_words, rules_of
from build.hubs.temporary_ingress import authorize, rule_for_a_while
from build.launch.caller_ingress import contains, https_allowed
from build.manifest import Builder, Launch
from build.pipeline import Interrupted
from tests.pretended_cloud import PretendedCloud, pretended_cloud

CALLER = "203.0.113.7/32"


@pytest.fixture(scope="module")
def cloud() -> Iterator[PretendedCloud]:
    with pretended_cloud() as cloud:
        yield cloud


def state(cloud: PretendedCloud, *allowed: str, **builder: Any) -> Any:
    """A launch at its wait, in a new security group."""
    number = len(cloud.clients.ec2.describe_security_groups()["SecurityGroups"])
    made = cloud.clients.ec2.create_security_group(GroupName=f"hub-{number}", Description="a hub")
    said: list[str] = []
    return SimpleNamespace(
        clients=cloud.clients,
        group_id=made["GroupId"],
        manifest=SimpleNamespace(builder=Builder.model_validate({"caller_cidr": CALLER, **builder})),
        options=SimpleNamespace(defaults=Launch.model_validate({"allowed_cidrs": allowed})),
        report=SimpleNamespace(note=said.append, warn=said.append, said=said),
    )


def open_to(launch: Any) -> list[str]:
    (group,) = launch.clients.ec2.describe_security_groups(GroupIds=[launch.group_id])["SecurityGroups"]
    return [in_words(rule) for rule in rules_of(group)]


def test_a_caller_outside_is_let_in_for_the_wait(cloud: PretendedCloud) -> None:
    launch = state(cloud, "10.0.0.0/8")
    with https_allowed(launch):
        assert open_to(launch) == [f"443 to {CALLER}"]
        (group,) = cloud.clients.ec2.describe_security_groups(GroupIds=[launch.group_id])["SecurityGroups"]
        assert [rule.temporary for rule in rules_of(group)] == [True]
    assert open_to(launch) == []
    assert launch.report.said == [
        f"443 is open to {CALLER} during the wait: launch.allowed_cidrs does not contain it"
    ]


def test_each_network_of_the_caller_that_is_left_out_is_let_in(cloud: PretendedCloud) -> None:
    launch = state(cloud, "10.0.0.0/8", caller_cidr=(CALLER, "10.1.0.0/16", "198.51.100.0/28"))
    with https_allowed(launch):
        assert open_to(launch) == [f"443 to {CALLER}", "443 to 198.51.100.0/28"]
    assert open_to(launch) == []


def test_an_interrupt_closes_it_as_well(cloud: PretendedCloud) -> None:
    launch = state(cloud, "10.0.0.0/8")
    with pytest.raises(Interrupted), https_allowed(launch):
        raise Interrupted("SIGINT")
    assert open_to(launch) == []


@pytest.mark.parametrize("allowed", [("0.0.0.0/0",), ("10.0.0.0/8", "203.0.113.0/24")])
def test_a_caller_whom_the_manifest_lets_in_needs_nothing(
    cloud: PretendedCloud, allowed: tuple[str, ...]
) -> None:
    launch = state(cloud, *allowed)
    with https_allowed(launch):
        assert open_to(launch) == []
    assert launch.report.said == []


def test_a_rule_that_a_killed_launch_left_is_taken_over(cloud: PretendedCloud) -> None:
    launch = state(cloud, "10.0.0.0/8")
    left = rule_for_a_while(443, CALLER, timedelta(minutes=10))
    authorize(cloud.clients, launch.group_id, left)
    with https_allowed(launch):
        assert open_to(launch) == [f"443 to {CALLER}"]
    assert open_to(launch) == []


def test_without_an_address_the_wait_goes_on(cloud: PretendedCloud) -> None:
    launch = state(cloud, "10.0.0.0/8")
    launch.manifest.builder = Builder.model_validate({"caller_ip_url": "http://127.0.0.1:9/"})
    with https_allowed(launch):
        assert open_to(launch) == []
    assert launch.report.said[0].startswith(
        "443 may be closed to this machine: http://127.0.0.1:9/ did not return"
    )


@pytest.mark.parametrize(
    ("networks", "found"),
    [
        (["203.0.113.0/24"], True),
        ([CALLER], True),
        (["203.0.113.8/29"], False),
        (["2001:db8::/32"], False),
        ([], False),
    ],
)
def test_a_network_contains_another(networks: list[str], found: bool) -> None:
    assert contains(networks, CALLER) is found
