"""What launch and build use a moment after they have made it, against the local cloud's answers over HTTP.

Every new thing is unknown until the product says that it waits; then it becomes known.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends
from werkzeug.serving import make_server

from build.aws import eventual
from build.aws.session import Cloud
from build.bake.steps.security_group import CreateSecurityGroup
from build.hubs.hub import Hub
from build.launch import password
from build.launch.address import EnsureAddress
from build.launch.role import EnsureRole
from build.launch.security_group import EnsureSecurityGroup
from build.launch.volume import EnsureVolume
from build.manifest import Builder
from localcloud.ec2.host import Host
from localcloud.ec2.install import install
from localcloud.faults.fault import Fault
from localcloud.server.wsgi import CloudApp, QuietHandler
from tests.http_server import answering

HUB = Hub("hub.example.test")
SESSION: Any = boto3.Session()
HIDDEN = Fault("hide", resource="*", seconds=3600)


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
def state(host: Host) -> Iterator[Any]:
    """Of a launch and of a build.

    Its report lets become known what is waited for, and hides what comes next.
    """
    app = CloudApp(host, lambda: {"pid": 1})
    with answering(make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)) as server:
        clients = {
            service: SESSION.client(
                service,
                endpoint_url=f"http://127.0.0.1:{server.port}",
                region_name="us-east-1",
                aws_access_key_id="x",
                aws_secret_access_key="x",
            )
            for service in ("ec2", "iam")
        }
        vpc = clients["ec2"].describe_vpcs()["Vpcs"][0]["VpcId"]
        waits: list[str] = []

        def waiting(what: str) -> None:
            waits.append(what)
            host.faults.clear()
            host.faults.set(HIDDEN)

        defaults = SimpleNamespace(
            permissions_boundary=None,
            instance_profile=None,
            allowed_cidrs=["0.0.0.0/0"],
            allocation_id=None,
            data_volume=SimpleNamespace(type="gp3", kms_key_id=None),
        )
        options = SimpleNamespace(
            defaults=defaults, new_volume_gib=1, data_size_gib=None, admin="ada", replace=False
        )
        builder = Builder.model_validate({"caller_cidr": "192.0.2.1/32", "vpc_id": vpc})
        host.faults.set(HIDDEN)
        yield SimpleNamespace(
            clients=SimpleNamespace(**clients, cloud=Cloud("local", "us-east-1"), account="123456789012"),
            hub=HUB,
            tags=HUB.tags,
            zone=None,
            kms_key_arn=None,
            billed={},
            waits=waits,
            subnet=SimpleNamespace(vpc_id=vpc, zone="us-east-1a"),
            options=options,
            report=SimpleNamespace(waiting=waiting, note=lambda _: None),
            record_change=lambda _: None,
            manifest=SimpleNamespace(builder=builder),
            run=SimpleNamespace(id="run-1", tags={"hubsmith:run": "run-1"}),
        )


def test_a_launchs_role_and_profile(state: Any, host: Host) -> None:
    EnsureRole().run(state)
    assert state.waits == [f"{HUB.name}: the role or instance profile is not there yet (NoSuchEntity)"] * 2
    host.faults.clear()
    profile = state.clients.iam.get_instance_profile(InstanceProfileName=HUB.name)["InstanceProfile"]
    assert [role["RoleName"] for role in profile["Roles"]] == [HUB.name]
    assert state.clients.iam.list_role_policies(RoleName=HUB.name)["PolicyNames"] == ["hub"]


def test_a_launchs_group(state: Any, host: Host) -> None:
    EnsureSecurityGroup().run(state)
    assert state.waits == [f"{state.group_id}: the security group is not there yet (InvalidGroup.NotFound)"]
    host.faults.clear()
    (group,) = state.clients.ec2.describe_security_groups(GroupIds=[state.group_id])["SecurityGroups"]
    assert sorted(rule["FromPort"] for rule in group["IpPermissions"]) == [80, 443]


def test_a_launchs_volume_and_its_tag(state: Any, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    EnsureVolume().run(state)
    assert state.waits == [f"{state.volume_id}: not there yet"]
    host.faults.clear()
    host.faults.set(HIDDEN)
    host.faults.note_new({state.volume_id})
    monkeypatch.setattr(password, "_generate", lambda _: False)
    monkeypatch.setattr(password, "_not_shown_yet", lambda *_, **__: None)
    password.EnsurePassword().run(state)
    assert state.waits[1:] == [f"{state.volume_id}: the volume is not there yet (InvalidVolume.NotFound)"]
    host.faults.clear()
    (volume,) = state.clients.ec2.describe_volumes(VolumeIds=[state.volume_id])["Volumes"]
    assert {"Key": "hubsmith:first-password", "Value": "ada"} in volume["Tags"]


def test_a_launchs_address(state: Any, host: Host) -> None:
    EnsureAddress().run(state)
    host.faults.clear()
    assert len(state.clients.ec2.describe_addresses()["Addresses"]) == 1


def test_a_builds_group_is_opened_and_removed(
    state: Any, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eventual, "SETTLED_S", 3600)
    monkeypatch.setattr(eventual, "time", SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: None))
    step = CreateSecurityGroup()
    step.run(state)
    group = state.network.group_id
    assert state.waits == [f"{group}: the security group is not there yet (InvalidGroup.NotFound)"]
    # as after an interrupt: the list does not have it, and says nothing of that
    host.faults.note_new({group})
    step.cleanup(state)
    host.faults.clear()
    assert group not in str(state.clients.ec2.describe_security_groups())
