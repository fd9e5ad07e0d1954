"""What a launch makes: instance, address, name, group, disk, role and password; and what is said of it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cloud.hubs import Site, tags_of, told_to

pytestmark = pytest.mark.vm


def test_the_name_leads_to_the_instance(site: Site, made: dict[str, Any]) -> None:
    instance = site.instances()[0]
    assert (made["url"], made["instance_id"]) == ("https://hub.example.test", instance["InstanceId"])
    assert instance["PublicIpAddress"] == made["address"]
    assert site.records() == [("A", [made["address"]])]
    assert instance["MetadataOptions"]["HttpTokens"] == "required"


def test_the_world_reaches_443_and_80_and_nobody_22(site: Site, made: dict[str, Any]) -> None:
    assert site.ports() == [80, 443]
    assert {r["CidrIp"] for permission in site.group()["IpPermissions"] for r in permission["IpRanges"]} == {
        "0.0.0.0/0"
    }


def test_the_data_volume_is_encrypted_and_stays_when_the_instance_ends(
    site: Site, made: dict[str, Any]
) -> None:
    volume = site.workshop.client("ec2").describe_volumes(VolumeIds=[made["volume_id"]])["Volumes"][0]
    assert volume["Encrypted"] is True
    assert [(a["InstanceId"], a["DeleteOnTermination"]) for a in volume["Attachments"]] == [
        (made["instance_id"], False)
    ]


def test_everything_carries_the_hubs_tag(site: Site, made: dict[str, Any]) -> None:
    ec2, iam = site.workshop.client("ec2"), site.workshop.client("iam")
    address = ec2.describe_addresses(PublicIps=[made["address"]])["Addresses"][0]
    volumes = ec2.describe_volumes(
        Filters=[{"Name": "attachment.instance-id", "Values": [made["instance_id"]]}]
    )["Volumes"]
    role = iam.get_role(RoleName="hubsmith-hub.example.test")["Role"]
    assert len(volumes) == 2
    for resource in (address, *volumes, *site.instances(), site.group(), role):
        assert tags_of(resource)["hubsmith:hub"] == "hub.example.test"


def test_the_instance_is_told_where_it_is_and_no_secret(site: Site, made: dict[str, Any]) -> None:
    told = told_to(site, made["instance_id"])
    name = "/hubsmith/hubs/hub.example.test/admin-password"
    password = site.workshop.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]
    assert password["Type"] == "SecureString"
    assert made["volume_id"] in told
    assert '"admin": "alice"' in told
    assert "PRIVATE KEY" not in told
    log = (site.workshop.state / "hubs" / "hub.example.test" / "launch.log").read_text()
    for text in (told, log, json.dumps(site.instances(), default=str)):
        assert password["Value"] not in text


def test_the_password_is_printed_once(site: Site, made: dict[str, Any]) -> None:
    name = "/hubsmith/hubs/hub.example.test/admin-password"
    assert (
        made["admin_password"]
        == site.workshop.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    )
    again = site.launch()
    assert again.out == "https://hub.example.test\n"
    assert made["admin_password"] not in again.err


@pytest.mark.matrix
def test_the_operators_own_key_is_used_and_stays_where_it_is(other: Site, tmp_path: Path) -> None:
    key = tmp_path / "mine"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    made = other.launched("--operator-key", str(key))
    told = told_to(other, made["instance_id"])
    assert " ".join(key.with_name("mine.pub").read_text().split()[:2]) in told
    assert key.read_text().splitlines()[2] not in told
    assert (other.workshop.state / "hubs" / other.domain / "operator_key").is_symlink()


def test_hubs_lists_it(site: Site, made: dict[str, Any]) -> None:
    row = next(
        row
        for row in json.loads(site.workshop.invoke("hubs", "--json").out)
        if row["domain"] == "hub.example.test"
    )
    assert (row["address"], row["image_id"], row["state"]) == (made["address"], made["image_id"], "running")
    assert "no answer" in row["health"]  # a tiny machine has no hub


def test_status_tells_part_by_part_and_fails_when_one_is_bad(site: Site, made: dict[str, Any]) -> None:
    done = site.invoke("status", "--json")
    parts = {part["name"]: part["ok"] for part in json.loads(done.out)}
    assert (parts["instance"], parts["data volume"], parts["name"], parts["https"]) == (
        True,
        True,
        True,
        False,
    )
    assert done.status == 1
    assert "unhealthy: https" in done.err
