"""What a launch refuses, and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cloud.hubs import Site, everything
from tests.cloud.workshop import Workshop

pytestmark = pytest.mark.vm


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["launch", "--domain", "hub"], "--domain hub: not a host name"),
        (["launch"], "--domain is required"),
        (["launch", "--domain", "hub.example.test"], "--email is required"),
        (["status", "--domain", "nobody.example.test"], "there is no hub nobody.example.test"),
        (["ssh", "--domain", "nobody.example.test"], "no instance of nobody.example.test"),
    ],
)
def test_a_mistake_is_told_and_costs_nothing(
    workshop: Workshop, image: str, arguments: list[str], told: str
) -> None:
    before = everything(workshop)
    done = workshop.invoke(*arguments)
    assert done.status in (1, 2)
    assert told in done.err
    assert "Traceback" not in done.err
    assert everything(workshop) == before


def test_a_subnet_elsewhere_than_the_disk_is_refused(site: Site, made: dict[str, Any]) -> None:
    ec2 = site.workshop.client("ec2")
    zone = site.instances()[0]["Placement"]["AvailabilityZone"]
    elsewhere = next(s for s in ec2.describe_subnets()["Subnets"] if s["AvailabilityZone"] != zone)
    done = site.launch("--subnet", elsewhere["SubnetId"])
    assert done.status == 2
    assert (
        f"is in {elsewhere['AvailabilityZone']}, but the data volume of hub.example.test is in {zone}"
        in done.err
    )


def test_an_image_too_old_for_a_setting_is_refused_and_nothing_is_made(
    workshop: Workshop, image: str, other: Site
) -> None:
    ec2 = workshop.client("ec2")
    newer = next(
        tag["Value"]
        for tag in ec2.describe_images(ImageIds=[image])["Images"][0]["Tags"]
        if tag["Key"] == "hubsmith:version"
    )
    before = everything(workshop)
    ec2.create_tags(Resources=[image], Tags=[{"Key": "hubsmith:version", "Value": "0.1.0"}])
    try:
        done = other.launch("--set", "launch.first_password_hours=24")
    finally:
        ec2.create_tags(Resources=[image], Tags=[{"Key": "hubsmith:version", "Value": newer}])
    assert done.status == 2, done.err
    assert (
        f"launch.first_password_hours needs an image that Hubsmith 0.2.0 or later has built; {image}"
        in done.err
    )
    # the lock and the log are in a folder here
    assert {**everything(workshop), "folders": []} == {**before, "folders": []}
