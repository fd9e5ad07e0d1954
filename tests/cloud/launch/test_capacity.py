"""Zones without capacity, and a caller whom the hub's networks leave out."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from localcloud.faults import client as faults
from tests.cloud.hubs import Site
from tests.cloud.invoke_runner import eventually

pytestmark = [pytest.mark.vm, pytest.mark.turn]


@pytest.fixture
def site(other: Site) -> Iterator[Site]:
    yield other
    faults.clear(other.runner.endpoint)


def lack(site: Site, zone: str) -> None:
    faults.add(site.runner.endpoint, [{"kind": "no-capacity", "zone": zone, "instance_type": "*"}])


def volumes(site: Site) -> list[tuple[str, str, bool]]:
    """(id, zone, whether it is attached) of its data volumes."""
    ours = [
        {"Name": "tag:hubsmith:hub", "Values": [site.domain]},
        {"Name": "tag:hubsmith:role", "Values": ["data"]},
    ]
    found = site.runner.client("ec2").describe_volumes(Filters=ours)["Volumes"]
    return [(one["VolumeId"], one["AvailabilityZone"], bool(one["Attachments"])) for one in found]


def test_a_launch_and_its_new_volume_go_where_there_is_capacity(site: Site) -> None:
    lack(site, "us-east-1[abc]")
    done = site.launched()
    assert [instance["Placement"]["AvailabilityZone"] for instance in site.instances()] == ["us-east-1d"]
    assert volumes(site) == [(done["volume_id"], "us-east-1d", True)]


def test_without_capacity_a_launch_says_what_it_leaves_and_the_next_one_completes_it(site: Site) -> None:
    lack(site, "*")
    done = site.launch()
    said = " ".join(done.err.split())
    assert done.status == 1, said
    assert "no capacity for t3.nano in us-east-1a, us-east-1b, us-east-1c, us-east-1d, us-east-1f" in said
    assert "On AWS that costs about 3.65 dollars a month" in said
    assert "builder." not in said.split("error:")[1]
    assert volumes(site) == []
    faults.clear(site.runner.endpoint)
    again = site.launched()
    assert again["admin_password"]
    assert volumes(site) == [(again["volume_id"], "us-east-1a", True)]


def test_a_caller_who_is_left_out_reaches_443_while_the_hub_is_waited_for(site: Site) -> None:
    running = site.start(*site.arguments("--wait", "--set", 'launch.allowed_cidrs=["10.0.0.0/8"]'))
    running.wait_for("443 is open to 127.0.0.1/32 during the wait")
    assert eventually(lambda: "127.0.0.1/32" in open_networks(site))
    running.end(signal.SIGINT)
    assert open_networks(site) == {"10.0.0.0/8"}


def open_networks(site: Site) -> set[str]:
    permissions = site.group()["IpPermissions"]
    return {one["CidrIp"] for permission in permissions for one in permission["IpRanges"]}
