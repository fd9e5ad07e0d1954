"""A launch on tiny machines: what it makes, what it keeps, what it refuses, and that nothing is lost when it is stopped."""

from __future__ import annotations

import base64
import json
import re
import signal
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from build.launch.recipe import steps
from tests.cloud.hubs import Site, everything, host_key
from tests.cloud.workshop import TINY, Workshop, eventually

pytestmark = pytest.mark.vm


@pytest.fixture(scope="module")
def image(workshop: Workshop) -> str:
    """A published tiny image; one of the tests of the bake may have made it already."""
    rows = json.loads(workshop.invoke("images", "--json").out)
    published = [row["id"] for row in rows if (row["image"], row["state"], row["channel"]) == ("greeting", "published", "stable")]
    return str(published[0] if published else workshop.build().last)


@pytest.fixture(scope="module")
def before(workshop: Workshop, image: str) -> dict[str, list[str]]:
    return everything(workshop)


@pytest.fixture(scope="module")
def site(workshop: Workshop, before: dict[str, list[str]]) -> Site:
    return Site(workshop, "hub.example.test")


@pytest.fixture(scope="module")
def made(site: Site, before: dict[str, list[str]]) -> Iterator[dict[str, Any]]:
    """A hub that most tests look at; afterwards nothing of it may be left."""
    yield site.launched()
    site.destroy()
    assert everything(site.workshop) == before


@pytest.fixture
def other(workshop: Workshop, image: str) -> Iterator[Site]:
    """A domain of one test's own."""
    there = everything(workshop)
    site = Site(workshop, "other.example.test")
    yield site
    site.destroy()
    assert everything(workshop) == there


def tags_of(resource: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in resource["Tags"]}


def told_to(site: Site, instance_id: str) -> str:
    """The user data of an instance."""
    answer = site.workshop.client("ec2").describe_instance_attribute(InstanceId=instance_id, Attribute="userData")
    return base64.b64decode(answer["UserData"]["Value"]).decode()


def test_the_name_leads_to_the_instance(site: Site, made: dict[str, Any]) -> None:
    instance = site.instances()[0]
    assert (made["url"], made["instance_id"]) == ("https://hub.example.test", instance["InstanceId"])
    assert instance["PublicIpAddress"] == made["address"]
    assert site.records() == [("A", [made["address"]])]
    assert instance["MetadataOptions"]["HttpTokens"] == "required"


def test_the_world_reaches_443_and_80_and_nobody_22(site: Site, made: dict[str, Any]) -> None:
    assert site.ports() == [80, 443]
    assert {r["CidrIp"] for permission in site.group()["IpPermissions"] for r in permission["IpRanges"]} == {"0.0.0.0/0"}


def test_the_data_volume_is_encrypted_and_stays_when_the_instance_ends(site: Site, made: dict[str, Any]) -> None:
    volume = site.workshop.client("ec2").describe_volumes(VolumeIds=[made["volume_id"]])["Volumes"][0]
    assert volume["Encrypted"] is True
    assert [(a["InstanceId"], a["DeleteOnTermination"]) for a in volume["Attachments"]] == [(made["instance_id"], False)]


def test_everything_carries_the_hubs_tag(site: Site, made: dict[str, Any]) -> None:
    ec2, iam = site.workshop.client("ec2"), site.workshop.client("iam")
    address = ec2.describe_addresses(PublicIps=[made["address"]])["Addresses"][0]
    volumes = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [made["instance_id"]]}])["Volumes"]
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
    assert made["admin_password"] == site.workshop.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    again = site.launch()
    assert again.out == "https://hub.example.test\n"
    assert made["admin_password"] not in again.err


def test_once_more_changes_nothing(site: Site, made: dict[str, Any]) -> None:
    there = everything(site.workshop)
    assert site.launched()["changes"] == []
    assert everything(site.workshop) == there


def test_what_differs_is_put_right(site: Site, made: dict[str, Any]) -> None:
    ec2, iam, group_id = site.workshop.client("ec2"), site.workshop.client("iam"), site.group()["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group_id, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
    ec2.disassociate_address(PublicIp=made["address"])
    everything_allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    name = "hubsmith-hub.example.test"
    iam.put_role_policy(RoleName=name, PolicyName="hub", PolicyDocument=json.dumps(everything_allowed))
    done = site.launched("--set", 'launch.allowed_cidrs=["127.0.0.0/8"]')
    assert len(done["changes"]) == 4
    assert site.instances()[0]["PublicIpAddress"] == made["address"]
    assert {r["CidrIp"] for permission in site.group()["IpPermissions"] for r in permission["IpRanges"]} == {"127.0.0.0/8"}
    assert "ssm:GetParameter" in json.dumps(iam.get_role_policy(RoleName=name, PolicyName="hub")["PolicyDocument"])
    site.launched()


def test_terminated_by_force_it_comes_back_with_address_name_and_disk(site: Site, made: dict[str, Any]) -> None:
    old = site.instances()[0]["InstanceId"]
    site.workshop.client("ec2").terminate_instances(InstanceIds=[old])
    again = site.launched()
    assert again["instance_id"] != old
    assert {key: again[key] for key in ("address", "volume_id", "zone_id")} == {
        key: made[key] for key in ("address", "volume_id", "zone_id")
    }
    assert again["admin_password"] is None
    assert site.instances()[0]["PublicIpAddress"] == made["address"]


@pytest.mark.matrix
def test_a_stopped_hub_is_started(site: Site, made: dict[str, Any]) -> None:
    ec2, instance_id = site.workshop.client("ec2"), site.instances()[0]["InstanceId"]
    ec2.stop_instances(InstanceIds=[instance_id])
    assert site.launched()["changes"] == [f"started {instance_id}"]


def test_hubs_lists_it(site: Site, made: dict[str, Any]) -> None:
    row = next(row for row in json.loads(site.workshop.invoke("hubs", "--json").out) if row["domain"] == "hub.example.test")
    assert (row["address"], row["image_id"], row["state"]) == (made["address"], made["image_id"], "running")
    assert "no answer" in row["health"]  # a tiny machine has no hub


def test_status_tells_part_by_part_and_fails_when_one_is_bad(site: Site, made: dict[str, Any]) -> None:
    done = site.invoke("status", "--json")
    parts = {part["name"]: part["ok"] for part in json.loads(done.out)}
    assert (parts["instance"], parts["data volume"], parts["name"], parts["https"]) == (True, True, True, False)
    assert done.status == 1
    assert "not well: https" in done.err


@pytest.fixture
def newer(workshop: Workshop, image: str) -> Iterator[str]:
    """The same image once more, published a moment later."""
    ec2 = workshop.client("ec2")
    old = ec2.describe_images(ImageIds=[image])["Images"][0]
    disk = {"SnapshotId": old["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]}
    names = {"Architecture": "x86_64", "RootDeviceName": old["RootDeviceName"], "VirtualizationType": "hvm", "BootMode": "uefi"}
    made = ec2.register_image(Name="greeting-newer", BlockDeviceMappings=[{"DeviceName": old["RootDeviceName"], "Ebs": disk}], **names)
    marks = [{"Key": key, "Value": value} for key, value in tags_of(old).items()]
    ec2.create_tags(Resources=[made["ImageId"]], Tags=marks)
    yield made["ImageId"]
    ec2.deregister_image(ImageId=made["ImageId"])


def test_a_newer_image_is_reported_and_put_in_place_only_when_asked(site: Site, made: dict[str, Any], newer: str) -> None:
    ec2, old = site.workshop.client("ec2"), site.instances()[0]["InstanceId"]
    told = site.launch("--json")
    assert f"{old} is kept; with --replace" in told.err
    assert json.loads(told.out)["newer_image_id"] == newer
    assert [instance["InstanceId"] for instance in site.instances()] == [old]

    done = site.launched("--replace")
    assert [(instance["InstanceId"], instance["ImageId"]) for instance in site.instances()] == [(done["instance_id"], newer)]
    assert (done["address"], done["volume_id"]) == (made["address"], made["volume_id"])
    volume = ec2.describe_volumes(VolumeIds=[made["volume_id"]])["Volumes"][0]
    assert volume["Attachments"][0]["InstanceId"] == done["instance_id"]
    assert site.launched("--replace")["changes"] == []


def test_when_the_new_one_fails_the_old_one_comes_back(site: Site, made: dict[str, Any], image: str) -> None:
    running = site.instances()[0]["InstanceId"]
    asked = site.start(*site.arguments("--wait", "--replace", "--instance-type", "t3.micro"))
    assert eventually(lambda: len(site.instances()) == 2)
    successor = next(instance["InstanceId"] for instance in site.instances() if instance["InstanceId"] != running)
    failed = {"phase": "failed", "instance_id": successor, "message": "no disk, no hub"}
    site.say("status", json.dumps({**failed, "at": "2026-11-25T00:00:00Z"}))
    asked.wait_for("failed: no disk, no hub")
    site.say("status", json.dumps({**failed, "at": "2026-11-25T00:01:00Z"}))
    asked.wait_for("is the hub again")
    assert asked.process.wait(timeout=120) == 1
    asked.end(signal.SIGTERM)
    assert any("error:" in line and "no disk, no hub" in line for line in asked.lines)
    left = site.instances()
    assert [(instance["InstanceId"], instance["State"]["Name"]) for instance in left] == [(running, "running")]
    assert left[0]["PublicIpAddress"] == made["address"]
    volume = site.workshop.client("ec2").describe_volumes(VolumeIds=[made["volume_id"]])["Volumes"][0]
    assert volume["Attachments"][0]["InstanceId"] == running


def test_a_subnet_elsewhere_than_the_disk_is_refused(site: Site, made: dict[str, Any]) -> None:
    ec2 = site.workshop.client("ec2")
    zone = site.instances()[0]["Placement"]["AvailabilityZone"]
    elsewhere = next(s for s in ec2.describe_subnets()["Subnets"] if s["AvailabilityZone"] != zone)
    done = site.launch("--subnet", elsewhere["SubnetId"])
    assert done.status == 2
    assert f"is in {elsewhere['AvailabilityZone']}, but the data volume of hub.example.test is in {zone}" in done.err


def test_a_disk_grows_and_never_shrinks(site: Site, made: dict[str, Any]) -> None:
    assert any("grows from 1 to 2 GiB" in change for change in site.launched("--data-size", "2")["changes"])
    done = site.launch("--data-size", "1")
    assert done.status == 2
    assert "a volume cannot shrink" in done.err


def test_two_at_once_exclude_each_other(site: Site, made: dict[str, Any]) -> None:
    lock = {"owner": "ada@elsewhere", "machine": "another", "doing": "launch", "since": "2026-11-25T00:00:00+00:00"}
    in_an_hour = (datetime.now(timezone.utc) + timedelta(hours=1)).isoformat()
    site.say("lock", json.dumps({**lock, "until": in_an_hour}))
    done = site.launch()
    assert done.status == 1
    assert "ada@elsewhere is at work on hub.example.test (launch)" in done.err
    site.say("lock", json.dumps({**lock, "until": "2026-11-25T00:00:00+00:00"}))
    first = site.start(*site.arguments())
    first.wait_for("» find the image")
    with first.paused():
        second = site.launch()
    assert (second.status, second.out) == (1, "")
    assert "another command on this machine is at work on hub.example.test" in second.err
    assert first.process.wait(timeout=120) == 0
    first.end(signal.SIGTERM)


def ssh_line(site: Site, command: str) -> list[str]:
    return ["ssh", "--manifest", str(TINY), "--domain", site.domain, "--command", command]


def test_ssh_opens_22_for_as_long_as_it_lasts(site: Site, made: dict[str, Any]) -> None:
    site.say("host-keys", host_key(site))
    done = site.invoke("ssh", "--command", "echo in; exit 7")
    assert (done.status, done.out) == (7, "in\n"), done.err
    assert site.ports() == [80, 443]

    for number, left in ((signal.SIGTERM, [80, 443]), (signal.SIGKILL, [22, 80, 443])):
        running = site.start(*ssh_line(site, "sleep 60"))
        assert eventually(lambda: 22 in site.ports())
        running.end(number)
        assert site.ports() == left

    rule = next(permission for permission in site.group()["IpPermissions"] if permission["FromPort"] == 22)
    for one in rule["IpRanges"]:
        one["Description"] = "hubsmith until 2026-11-25T00:00:00+00:00 by ada@elsewhere"
    ec2, group_id = site.workshop.client("ec2"), site.group()["GroupId"]
    ec2.update_security_group_rule_descriptions_ingress(GroupId=group_id, IpPermissions=[rule])
    assert site.workshop.invoke("hubs").status == 0
    assert site.ports() == [80, 443]


def test_another_machine_than_the_one_that_published_its_keys_is_not_entered(site: Site, made: dict[str, Any]) -> None:
    site.say("host-keys", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEIvzEVDs2k7Va2Rw/nrKU0o7iATK6/2CdI1F89gqsZ5")
    done = site.invoke("ssh", "--command", "echo in")
    assert done.status == 255
    assert done.out == ""
    assert site.ports() == [80, 443]


def test_two_domains_live_side_by_side(site: Site, made: dict[str, Any], other: Site) -> None:
    second = other.launched()
    first = site.launched()
    for key in ("address", "instance_id", "volume_id", "url"):
        assert first[key] != second[key]
    assert first["changes"] == []


def test_a_record_that_points_elsewhere_is_not_overwritten(other: Site) -> None:
    other.set_record("A", "192.0.2.7")
    done = other.launch()
    assert done.status == 2
    assert "other.example.test points elsewhere already: A 192.0.2.7" in done.err
    assert other.records() == [("A", ["192.0.2.7"])]
    assert other.instances() == []
    taken = other.launched("--take-over")
    assert other.records() == [("A", [taken["address"]])]


@pytest.mark.matrix
def test_without_a_zone_there_is_no_launch_but_without_dns(workshop: Workshop, image: str) -> None:
    site = Site(workshop, "hub.elsewhere.test")
    there = everything(workshop)
    done = site.launch()
    assert done.status == 2
    assert "no public hosted zone of this account holds hub.elsewhere.test" in done.err
    try:
        done = site.launch("--no-dns")
        assert done.status == 0, done.err
        assert re.search(r"make this record: hub\.elsewhere\.test\. 60 IN A 127\.77\.", done.err)
    finally:
        site.destroy()
    assert everything(workshop) == there


@pytest.mark.matrix
def test_a_rehearsal_leaves_the_name_alone(other: Site) -> None:
    other.set_record("A", "192.0.2.7")
    assert other.launch("--rehearse").status == 0
    assert other.records() == [("A", ["192.0.2.7"])]
    assert tags_of(other.instances()[0])["hubsmith:acme"] == "staging"
    other.set_record("A", "192.0.2.7", "DELETE")


def test_killed_at_each_step_and_repeated_it_completes(other: Site) -> None:
    """One chain: each launch is killed a step later than the one before, so that the last one finds all the others' halves."""
    told = []
    for step in steps():
        running = other.start(*other.arguments())
        running.wait_for(f"» {step.title}")
        running.end(signal.SIGKILL)
        told += running.out.splitlines()
    done = other.launched()
    # The last steps take no time: the kill may come when all is done.
    assert done["admin_password"] or any(line.startswith(f"{done['admin']} ") for line in told), (
        "the one launch that came to its end shows it"
    )
    assert [instance["PublicIpAddress"] for instance in other.instances()] == [done["address"]]
    assert other.records() == [("A", [done["address"]])]
    assert other.launched()["changes"] == []


@pytest.mark.matrix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("step", ["find or make the instance's role", "find or launch", "attach the data", "point the name"])
def test_stopped_at_a_step_it_says_how_to_go_on_and_does(other: Site, step: str, number: signal.Signals) -> None:
    running = other.start(*other.arguments())
    running.wait_for(f"» {step}")
    if running.end(number) != 0:  # else it was at its end already
        assert "the same command again goes on from here" in running.lines[-1]
    other.launched()
    assert len(other.instances()) == 1


@pytest.mark.matrix
@pytest.mark.parametrize("step", ["find or launch", "attach the data", "lead the address", "point the name", "wait for https", "retire"])
def test_a_replacement_killed_at_a_step_and_repeated_completes(other: Site, step: str) -> None:
    first = other.launched()
    running = other.start(*other.arguments("--replace", "--instance-type", "t3.micro"))
    running.wait_for(f"» {step}")
    running.end(signal.SIGKILL)
    done = other.launched("--replace", "--instance-type", "t3.micro")
    assert [instance["InstanceType"] for instance in other.instances()] == ["t3.micro"]
    assert (done["address"], done["volume_id"]) == (first["address"], first["volume_id"])


def test_destroy_asks_and_keeps_the_data(other: Site) -> None:
    made, ec2 = other.launched(), other.workshop.client("ec2")
    asked = other.invoke("destroy")
    assert asked.status == 2
    assert "nothing was removed" in asked.err
    assert len(other.instances()) == 1

    assert other.invoke("destroy", "--yes").status == 0
    ours = [{"Name": "tag:hubsmith:hub", "Values": [other.domain]}]
    assert [volume["VolumeId"] for volume in ec2.describe_volumes(Filters=ours)["Volumes"]] == [made["volume_id"]]
    assert len(ec2.describe_snapshots(Filters=ours)["Snapshots"]) == 1
    assert other.launched()["volume_id"] == made["volume_id"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["launch", "--domain", "hub"], "--domain hub: not a host name"),
        (["launch"], "--domain is missing"),
        (["launch", "--domain", "hub.example.test"], "--email is missing"),
        (["status", "--domain", "nobody.example.test"], "there is no hub nobody.example.test"),
        (["ssh", "--domain", "nobody.example.test"], "no instance of nobody.example.test"),
    ],
)
def test_a_mistake_is_told_and_costs_nothing(workshop: Workshop, image: str, arguments: list[str], told: str) -> None:
    before = everything(workshop)
    done = workshop.invoke(*arguments)
    assert done.status in (1, 2)
    assert told in done.err
    assert "Traceback" not in done.err
    assert everything(workshop) == before


@pytest.mark.matrix
def test_the_operators_own_key_is_used_and_stays_where_it_is(other: Site, tmp_path: Path) -> None:
    key = tmp_path / "mine"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    made = other.launched("--operator-key", str(key))
    told = told_to(other, made["instance_id"])
    assert " ".join(key.with_name("mine.pub").read_text().split()[:2]) in told
    assert key.read_text().splitlines()[2] not in told
    assert (other.workshop.state / "hubs" / other.domain / "operator_key").is_symlink()
