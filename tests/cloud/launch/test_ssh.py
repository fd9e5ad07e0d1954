"""`invoke ssh`: port 22 is open for as long as the shell lasts, and leads to no other machine."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tests.cloud.hubs import Site, host_key
from tests.cloud.invoke_runner import TINY, eventually

pytestmark = pytest.mark.vm


def ssh_line(site: Site, command: str) -> list[str]:
    return ["ssh", "--manifest", str(TINY), "--domain", site.domain, "--command", command]


def test_ssh_opens_22_for_as_long_as_it_lasts(site: Site, made: dict[str, Any]) -> None:
    site.say("host-keys", host_key(site))
    done = site.invoke("ssh", "--command", "echo in; exit 7")
    assert (done.status, done.out) == (7, "in\n"), done.err
    assert site.ports() == [80, 443]

    # What is killed leaves its ssh behind, and the pipes are read until that ends.
    for number, left, seconds in ((signal.SIGTERM, [80, 443], 60), (signal.SIGKILL, [22, 80, 443], 15)):
        running = site.start(*ssh_line(site, f"sleep {seconds}"))
        assert eventually(lambda: 22 in site.ports())
        running.end(number)
        assert site.ports() == left

    rule = next(permission for permission in site.group()["IpPermissions"] if permission["FromPort"] == 22)
    for one in rule["IpRanges"]:
        one["Description"] = "hubsmith until 2026-11-25T00:00:00+00:00 by ada@elsewhere"
    ec2, group_id = site.runner.client("ec2"), site.group()["GroupId"]
    ec2.update_security_group_rule_descriptions_ingress(GroupId=group_id, IpPermissions=[rule])
    assert site.runner.invoke("hubs").status == 0
    assert site.ports() == [80, 443]


def test_another_machine_than_the_one_that_published_its_keys_is_not_entered(
    site: Site, made: dict[str, Any]
) -> None:
    site.say("host-keys", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEIvzEVDs2k7Va2Rw/nrKU0o7iATK6/2CdI1F89gqsZ5")
    done = site.invoke("ssh", "--command", "echo in")
    assert done.status == 255
    assert done.out == ""
    assert site.ports() == [80, 443]


def test_a_machine_whose_image_is_too_old_is_told_so_before_anything_is_done(
    site: Site, made: dict[str, Any]
) -> None:
    site.say("host-keys", host_key(site))
    done = site.invoke("users", "--remove", "bob")
    assert done.status == 2, done.err
    assert (
        "users --remove needs an image that Hubsmith 0.2.0 or later has built; "
        f"{site.instances()[0]['ImageId']}"
    ) in done.err
    assert "was built by Hubsmith 0.1.0" in done.err
    assert "invoke launch --domain hub.example.test --replace" in done.err
