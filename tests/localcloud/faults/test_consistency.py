"""What was made a moment ago: which calls do not know it, for how long, and what they answer."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends
from werkzeug.serving import make_server

from localcloud.ec2.host import Host
from localcloud.ec2.install import install
from localcloud.faults import consistency
from localcloud.faults.consistency import CONSISTENT_AGENT, kind_of, lag
from localcloud.faults.fault import RESOURCES, Fault
from localcloud.faults.registry import Faults
from localcloud.server.wsgi import CloudApp, QuietHandler
from tests.cloud.ec2_client import refused
from tests.http_server import answering

ACTIONS = [f"Action{number}" for number in range(200)]
LONG_S = 3600.0
SESSION: Any = boto3.Session()  # one, as it reads the description of a service once
ZONE = "us-east-1a"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def faults(clock: Clock) -> Faults:
    found = Faults(clock)
    found.consistency.seed, found.consistency.longest_s = "one", 10.0
    return found


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    host.open()
    install(host)
    yield host
    host.close()
    for backends in (ec2_backends, iam_backends):
        for account in backends.values():
            account.clear()


@pytest.fixture
def url(host: Host) -> Iterator[str]:
    app = CloudApp(host, lambda: {"pid": 1})
    with answering(make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)) as server:
        yield f"http://127.0.0.1:{server.port}"


def client(url: str, service: str, agent: str = "") -> Any:
    return SESSION.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}, user_agent_extra=agent),
    )


@pytest.fixture
def ec2(url: str) -> Any:
    return client(url, "ec2")


@pytest.fixture
def iam(url: str) -> Any:
    return client(url, "iam")


def known(faults: Faults, resource_id: str) -> list[str]:
    found = []
    for action in ACTIONS:
        faults.consistency.answer(action)
        found += [] if faults.is_hidden(resource_id) else [action]
    return found


def test_the_seed_decides_for_each_resource_and_action() -> None:
    lags = [lag("one", "vol-", number, action) for number in range(5) for action in ACTIONS]
    assert lags == [lag("one", "vol-", number, action) for number in range(5) for action in ACTIONS]
    assert lags != [lag("two", "vol-", number, action) for number in range(5) for action in ACTIONS]
    assert all(0 <= found < 1 for found in lags)
    assert 0.4 < lags.count(0.0) / len(lags) < 0.6


def test_a_resource_has_one_time_in_which_some_actions_do_not_know_it() -> None:
    times = [{lag("one", "vol-", number, action) for action in ACTIONS} - {0.0} for number in range(20)]
    assert [len(found) for found in times] == [1] * 20
    assert len(set.union(*times)) == 20


def test_an_action_that_has_known_it_once_knows_it_from_then_on(faults: Faults, clock: Clock) -> None:
    faults.note_new({"vol-0123456789abcdef0"})
    before: list[str] = []
    for _ in range(20):
        now = known(faults, "vol-0123456789abcdef0")
        assert set(before) <= set(now)
        before = now
        clock.now += 0.5
    assert before == ACTIONS


def test_at_first_some_actions_know_it_and_some_do_not(faults: Faults) -> None:
    faults.note_new({"vol-0123456789abcdef0"})
    assert 50 < len(known(faults, "vol-0123456789abcdef0")) < 150


def test_without_consistency_everything_is_known_at_once(faults: Faults) -> None:
    faults.consistency.longest_s = 0.0
    faults.note_new({"vol-0123456789abcdef0"})
    assert known(faults, "vol-0123456789abcdef0") == ACTIONS


def test_a_fault_makes_it_longer_and_clearing_ends_it(faults: Faults, clock: Clock) -> None:
    faults.set(Fault("consistency", seconds=1000))
    faults.note_new({"vol-0123456789abcdef0"})
    clock.now += 11
    assert known(faults, "vol-0123456789abcdef0") != ACTIONS
    faults.clear()
    assert known(faults, "vol-0123456789abcdef0") == ACTIONS


@pytest.mark.parametrize(
    ("resource_id", "kind"),
    [("i-0a", "i-"), ("role/i-0a", "role/"), ("instance-profile/a/b", "instance-profile/"), ("x", "")],
)
def test_each_kind_is_counted_by_itself(resource_id: str, kind: str) -> None:
    assert kind_of(resource_id) == kind


VOLUME, SNAPSHOT, IMAGE = "vol-0123456789abcdef0", "snap-0123456789abcdef0", "ami-0123456789abcdef0"
INSTANCE, GROUP, ADDRESS = "i-0123456789abcdef0", "sg-0123456789abcdef0", "eipalloc-0123456789abcdef0"
DISK = {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": SNAPSHOT}}
RUN = {"MinCount": 1, "MaxCount": 1}
NEW_VOLUME = {"AvailabilityZone": ZONE}
INTERFACE = {"DeviceIndex": 0, "Groups": [GROUP]}
USES = [
    (GROUP, "authorize_security_group_ingress", {"GroupId": GROUP}, "InvalidGroup.NotFound"),
    (GROUP, "delete_security_group", {"GroupId": GROUP}, "InvalidGroup.NotFound"),
    (GROUP, "run_instances", {**RUN, "NetworkInterfaces": [INTERFACE]}, "InvalidGroup.NotFound"),
    (IMAGE, "run_instances", {**RUN, "ImageId": IMAGE}, "InvalidAMIID.NotFound"),
    (IMAGE, "describe_images", {"ImageIds": [IMAGE]}, "InvalidAMIID.NotFound"),
    (VOLUME, "create_tags", {"Resources": [VOLUME], "Tags": []}, "InvalidVolume.NotFound"),
    (VOLUME, "create_snapshot", {"VolumeId": VOLUME}, "InvalidVolume.NotFound"),
    (SNAPSHOT, "create_volume", {**NEW_VOLUME, "SnapshotId": SNAPSHOT}, "InvalidSnapshot.NotFound"),
    (SNAPSHOT, "register_image", {"Name": "new", "BlockDeviceMappings": [DISK]}, "InvalidSnapshot.NotFound"),
    (INSTANCE, "create_image", {"InstanceId": INSTANCE, "Name": "new"}, "InvalidInstanceID.NotFound"),
    (INSTANCE, "terminate_instances", {"InstanceIds": [INSTANCE]}, "InvalidInstanceID.NotFound"),
    (
        INSTANCE,
        "modify_instance_attribute",
        {"InstanceId": INSTANCE, "InstanceType": {"Value": "t3.nano"}},
        "InvalidInstanceID.NotFound",
    ),
    (ADDRESS, "associate_address", {"AllocationId": ADDRESS}, "InvalidAllocationID.NotFound"),
    (
        "instance-profile/new",
        "run_instances",
        {**RUN, "IamInstanceProfile": {"Name": "new"}},
        "InvalidParameterValue",
    ),
    (
        "instance-profile/new",
        "run_instances",
        {**RUN, "IamInstanceProfile": {"Arn": "arn:aws:iam::123456789012:instance-profile/hubsmith/new"}},
        "InvalidParameterValue",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("resource_id", "call", "parameters", "code"), USES, ids=[f"{use[1]} {use[0][:5]}" for use in USES]
)
def test_a_call_that_uses_what_it_does_not_know_is_refused(
    host: Host,
    ec2: Any,
    caplog: pytest.LogCaptureFixture,
    resource_id: str,
    call: str,
    parameters: dict[str, Any],
    code: str,
) -> None:
    host.faults.set(Fault("hide", resource="*", seconds=LONG_S))
    host.faults.note_new({resource_id})
    caplog.set_level(logging.INFO, "hubsmith.localcloud.api")
    with refused(code):
        getattr(ec2, call)(**parameters)
    # there is no such thing at all, and moto would answer much the same
    assert f"does not know {resource_id} yet" in caplog.text


def test_roles_and_profiles_are_unknown_to_iam_by_their_names(host: Host, iam: Any) -> None:
    host.faults.set(Fault("hide", resource="*", seconds=LONG_S))
    role = {"RoleName": "new", "AssumeRolePolicyDocument": "{}"}
    iam.create_role(**role)
    iam.create_instance_profile(InstanceProfileName="new")
    for call, parameters in (
        (iam.get_role, {"RoleName": "new"}),
        (iam.put_role_policy, {"RoleName": "new", "PolicyName": "a", "PolicyDocument": "{}"}),
        (iam.get_instance_profile, {"InstanceProfileName": "new"}),
        (iam.add_role_to_instance_profile, {"InstanceProfileName": "new", "RoleName": "new"}),
    ):
        with refused("NoSuchEntity", "new"):
            call(**parameters)
    with refused("EntityAlreadyExists"):
        iam.create_role(**role)
    host.faults.clear()
    iam.add_role_to_instance_profile(InstanceProfileName="new", RoleName="new")


def test_each_call_of_a_new_volume_and_list_is_as_the_seed_says(host: Host, ec2: Any) -> None:
    host.faults.consistency.seed, host.faults.consistency.longest_s = "seed-3", LONG_S
    for number in range(6):
        volume = ec2.create_volume(Size=1, AvailabilityZone=ZONE)["VolumeId"]
        if lag("seed-3", "vol-", number, "DescribeVolumes"):
            with refused("InvalidVolume.NotFound", volume):
                ec2.describe_volumes(VolumeIds=[volume])
            assert volume not in str(ec2.describe_volumes())
        else:
            assert ec2.describe_volumes(VolumeIds=[volume])["Volumes"]
            assert volume in str(ec2.describe_volumes())
    lags = [lag("seed-3", "vol-", number, "DescribeVolumes") for number in range(6)]
    assert {found > 0 for found in lags} == {True, False}


def test_a_filter_finds_nothing_and_a_tag_may_name_it(host: Host, ec2: Any) -> None:
    other = ec2.create_volume(Size=1, AvailabilityZone=ZONE)["VolumeId"]
    host.faults.set(Fault("hide", resource="*", seconds=LONG_S))
    volume = ec2.create_volume(Size=1, AvailabilityZone=ZONE)["VolumeId"]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    assert ec2.describe_volumes(Filters=[{"Name": "volume-id", "Values": [volume]}])["Volumes"] == []
    assert ec2.describe_addresses()["Addresses"] == []
    with refused("InvalidAllocationID.NotFound"):
        ec2.describe_addresses(AllocationIds=[address])
    ec2.create_tags(Resources=[other], Tags=[{"Key": "replaces", "Value": volume}])
    host.faults.clear()
    assert ec2.describe_addresses()["Addresses"] != []


def test_a_refused_call_has_changed_nothing(host: Host, ec2: Any) -> None:
    host.faults.set(Fault("hide", resource="*", seconds=LONG_S))
    group = ec2.create_security_group(GroupName="new", Description="new")["GroupId"]
    rule = {"GroupId": group, "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "10.0.0.0/8"}
    with refused("InvalidGroup.NotFound"):
        ec2.authorize_security_group_ingress(**rule)
    host.faults.clear()
    ec2.authorize_security_group_ingress(**rule)  # else InvalidPermission.Duplicate


def test_a_call_that_is_to_know_everything_does(host: Host, url: str) -> None:
    host.faults.set(Fault("hide", resource="*", seconds=LONG_S))
    iam = client(url, "iam", CONSISTENT_AGENT)
    iam.create_role(RoleName="new", AssumeRolePolicyDocument="{}")
    assert iam.get_role(RoleName="new")["Role"]["RoleName"] == "new"
    ec2 = client(url, "ec2", CONSISTENT_AGENT)
    volume = ec2.create_volume(Size=1, AvailabilityZone=ZONE)["VolumeId"]
    assert volume in str(ec2.describe_volumes())
    assert volume not in str(client(url, "ec2").describe_volumes())


def test_every_kind_that_can_be_hidden_has_an_answer() -> None:
    assert set(RESOURCES.values()) == set(consistency._NOT_FOUND)
