"""A whole launch in each partition of AWS: its steps in order, in the local cloud, where no guest boots."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from build.hubs import operator_key
from build.hubs.hub import Hub
from build.launch import recipe
from build.launch.options import CliOptions, resolve_options
from build.launch.state import LaunchState
from build.manifest import load
from build.pipeline import Runner
from build.report.reporter import Reporter
from localcloud import base_image
from localcloud.ec2.reconcile import forwards, volumes
from localcloud.ec2.work_queue import KeyedQueue
from tests.pretended_cloud import IMAGE, PretendedCloud, pretended_cloud

HUB = Hub("hub.example.org")
ACCOUNT = "123456789012"
MANIFEST = Path(__file__).parents[3] / "manifest.yaml"
PARTITIONS = {"eu-west-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov"}


@pytest.fixture(params=PARTITIONS)
def region(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def cloud(region: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendedCloud]:
    """One whose instances run at once."""
    monkeypatch.setenv("HUBSMITH_STATE", str(tmp_path))
    monkeypatch.setattr(base_image, "cached", list)
    monkeypatch.setattr(forwards, "apply", lambda *_: {})
    monkeypatch.setattr(volumes, "GUEST_UP_S", 0)  # there is no guest to wait for
    operator_key.ensure_key(HUB, "")
    with pretended_cloud(region) as cloud:
        cloud.host.work_queue = KeyedQueue()
        cloud.clients.route53.create_hosted_zone(Name="example.org", CallerReference="1")
        yield cloud


def launched(cloud: PretendedCloud, region: str, profile: str | None = None) -> LaunchState:
    chosen = [f"region={region}", "base.owner=self", "launch.email=a@b.org"]
    manifest = load(MANIFEST, cloud=profile, overrides=chosen)
    options = resolve_options(manifest, CliOptions(ami=IMAGE, admin="alice", no_wait=True))
    report = Reporter(quiet=True)
    state = LaunchState(HUB, options, manifest, cloud.clients, report)
    Runner[LaunchState](report).run(recipe.steps(), state)
    return state


def test_a_hub_is_launched(cloud: PretendedCloud, region: str) -> None:
    state, partition = launched(cloud, region), PARTITIONS[region]
    (reservation,) = cloud.clients.ec2.describe_instances(InstanceIds=[state.instance_id])["Reservations"]
    (instance,) = reservation["Instances"]
    assert instance["State"]["Name"] == "running"
    assert instance["PublicIpAddress"] == state.address.ip
    assert instance["IamInstanceProfile"]["Arn"].startswith(f"arn:{partition}:iam::{ACCOUNT}:")
    assert {found["Ebs"]["VolumeId"] for found in instance["BlockDeviceMappings"]} >= {state.volume_id}
    role = cloud.clients.iam.get_role(RoleName=HUB.name)["Role"]["Arn"]
    assert role == f"arn:{partition}:iam::{ACCOUNT}:role/hubsmith/{HUB.name}"
    policy: Any = cloud.clients.iam.get_role_policy(RoleName=HUB.name, PolicyName="hub")["PolicyDocument"]
    arns = {arn for one in policy["Statement"] for arn in one["Resource"] if arn != "*"}
    assert {arn.split(":")[1] for arn in arns} == {partition}
    assert any(f":ssm:{region}:{ACCOUNT}:parameter/hubsmith/hubs/" in arn for arn in arns)
    told = cloud.clients.ec2.describe_instance_attribute(InstanceId=state.instance_id, Attribute="userData")[
        "UserData"
    ]["Value"]
    assert json.dumps(region) in base64.b64decode(told).decode().replace('\\"', '"')


@pytest.mark.parametrize("region", ["us-west-1"])  # as twenty of thirty regions, without m7a.medium
def test_the_local_clouds_own_types_are_offered_in_other_regions_too(
    cloud: PretendedCloud, region: str
) -> None:
    state = launched(cloud, region, "local")
    (reservation,) = cloud.clients.ec2.describe_instances(InstanceIds=[state.instance_id])["Reservations"]
    assert reservation["Instances"][0]["InstanceType"] == "t3.medium"
