"""An account may refuse every untagged create call: builder.tags and launch.tags are in all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from build.aws import parameters
from build.aws.placements import Placement
from build.bake import instances, run
from build.bake.inputs.inputs import Inputs
from build.bake.state import Bake, ImageCopy, Instance, Layer
from build.bake.steps import copy_image
from build.bake.steps.builder import LaunchBuilder
from build.bake.steps.image import CreateImage, describing_tags
from build.bake.steps.inspect_disk import CopyDisk
from build.bake.steps.restore_layer import register
from build.bake.steps.save_layer import SaveLayer
from build.bake.steps.security_group import CreateSecurityGroup
from build.errors import UserError
from build.hubs.hub import Hub
from build.hubs.models import HubImage, SubnetChoice
from build.launch import password, run_instances_request, volume
from build.launch.address import EnsureAddress
from build.launch.options import CliOptions, resolve_options
from build.launch.role import EnsureRole
from build.launch.security_group import EnsureSecurityGroup
from build.launch.state import LaunchState
from build.manifest import Builder, load
from build.remote import keys
from build.remote.shell import Shell
from build.remote.ssh_target import SshTarget
from build.report.reporter import Reporter
from tests.conftest import REPO
from tests.pretended_cloud import IMAGE, PretendedCloud, pretended_cloud
from tests.unit.aws.test_eventual_calls import changing, makes, operations
from tests.unit.bake import recording
from tests.unit.bake.wire import Channel, Wire

REQUIRED = {"CostCenter": "42", "Owner": "ada@example.org"}
Made = list[tuple[str, Mapping[str, Any]]]


def tags_of(request: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The tags of each thing that a request makes."""
    listed = [each["Tags"] for each in request.get("TagSpecifications", [])] or [request.get("Tags", [])]
    for tags in listed:
        yield {tag["Key"]: tag["Value"] for tag in tags}


def untagged(made: Made) -> list[str]:
    """The operations that make something without a tag that is required."""
    return [
        operation
        for operation, request in made
        for tags in tags_of(request)
        if not REQUIRED.items() <= tags.items()
    ]


def watched(*clients: Any) -> Made:
    """The requests of these clients that make something, from now on."""
    made: Made = []

    def keep(params: Mapping[str, Any], model: Any, **_: object) -> None:
        is_parameter = model.name == "PutParameter" and not params.get("Overwrite")
        if is_parameter or makes_something(model.name):
            made.append((model.name, dict(params)))

    for client in clients:
        client.meta.events.register("provide-client-params.*.*", keep)
    return made


def makes_something(operation: str) -> bool:
    return operation in {"AllocateAddress", "CopyImage", "RegisterImage", "RunInstances"} or (
        operation.startswith("Create") and operation != "CreateTags"
    )


def build(tmp_path: Path, wire: Wire) -> Bake:
    """A build with the tags, with a builder, at the other end of the wire."""
    state = wire.state = recording.a_build(recording.an_example(tmp_path), tmp_path, wire.ec2())
    state.run = replace(state.run, given_tags=REQUIRED)
    state.inputs = Inputs.from_manifest(state.manifest, "ami-base", "example-1", "admin")
    state.source_id, state.since = "ami-base", state.run.started.isoformat()
    (tmp_path / "tests/image/test_sealed.py").touch()
    return state


def of_a_build(tmp_path: Path) -> Made:
    """What a build asks EC2 to make."""
    wire = Wire(layer_tags={"hubsmith:layer": "x"})
    state = build(tmp_path, wire)
    made = watched(state.clients.ec2)
    kernel: Any = SimpleNamespace(check=lambda *_, **__: None, look=lambda **_: None)
    target = SshTarget("127.0.0.1", "admin", state.run.key, (keys.generate().public,))
    state.builder = Instance("i-builder", "127.0.0.1", target, kernel)
    state.candidates, state.snapshot_ids = (state.builder,), ("snap-1",)
    answers = wire._answers

    def more(asked: Mapping[str, Any]) -> dict[str, object]:
        machine: Any = answers(asked)["RunInstances"]["Instances"][0]  # type: ignore[index]
        placed = machine | {"Placement": {"AvailabilityZone": "us-east-1a"}}
        return answers(asked) | {
            "DescribeVpcs": {"Vpcs": [{"VpcId": "vpc-1"}]},
            "CreateSecurityGroup": {"GroupId": "sg-1"},
            "CreateVolume": {"VolumeId": "vol-1"},
            "CopyImage": {"ImageId": "ami-copy"},
            "DescribeInstances": {"Reservations": [{"Instances": [placed]}]},
        }

    with (
        patch.object(wire, "_answers", more),
        patch.object(Shell, "__enter__", lambda shell: shell),
        patch.object(Shell, "_channel", lambda _: Channel(wire)),
        patch.object(instances, "greets", lambda *_: True),
    ):
        for step in (CreateSecurityGroup(), LaunchBuilder(), SaveLayer(state.manifest.provisioners[0], 0)):
            step.run(state)
        CreateImage().run(state)
        CopyDisk().run(state)
        copy_image._begin(state, ImageCopy(state.manifest, state.clients, state.report, "example-1"))
        # A layer from before the tags were required.
        register(state.clients, Layer("snap-layer", 1, "", ""), "ami-base", "/dev/xvda", REQUIRED)
    return made


def of_a_launch(cloud: PretendedCloud) -> Made:
    """What a launch asks AWS to make."""
    manifest = load(
        REPO / "manifest.yaml", overrides=["launch.tags={CostCenter: '42', Owner: ada@example.org}"]
    )
    wanted = resolve_options(manifest, CliOptions(email="ada@example.org"))
    clients = cloud.clients
    made = watched(clients.ec2, clients.iam, clients.ssm)
    state = LaunchState(Hub("hub.example.test"), wanted, manifest, clients, Reporter(quiet=True))
    subnet = clients.ec2.describe_subnets()["Subnets"][0]
    state.subnet = SubnetChoice(subnet["VpcId"], subnet["SubnetId"], subnet["AvailabilityZone"])
    state.image = HubImage(IMAGE, "base", "/dev/xvda", "admin", "2026-01-01T00:00:00Z")
    for step in (EnsureRole(), EnsureSecurityGroup(), volume.EnsureVolume(), EnsureAddress()):
        step.run(state)
    password.EnsurePassword().run(state)
    volume.snapshot(state, "for a test")
    with patch("build.launch.user_data.operator_keys", lambda *_: ()):
        placement = Placement("t3.large", subnet["SubnetId"], "")
        clients.ec2.run_instances(**run_instances_request.of(state, placement))
    return made


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[PretendedCloud]:
    monkeypatch.setenv("HUBSMITH_STATE", str(tmp_path))
    with pretended_cloud() as cloud:
        yield cloud


def test_everything_that_is_made_has_the_tags_from_the_start(cloud: PretendedCloud, tmp_path: Path) -> None:
    made = [*of_a_build(tmp_path), *of_a_launch(cloud)]
    assert untagged(made) == []
    asked_for = {operation for operation, _ in made}
    known = {operations()[name] for _, name, _ in changing() if makes(name)}
    assert asked_for == {*known, "PutParameter"}  # a new call is put to this test, too


def test_a_new_parameter_has_the_tags_and_one_that_is_there_is_written(cloud: PretendedCloud) -> None:
    made, ssm = watched(cloud.clients.ssm), cloud.clients.ssm
    for value in ("ami-1", "ami-2"):
        parameters.put(cloud.clients, "/hubsmith/x/latest", value, "the newest", REQUIRED)
        assert parameters.value_of(cloud.clients, "/hubsmith/x/latest") == value
    assert untagged(made) == []
    found = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="/hubsmith/x/latest")["TagList"]
    assert {tag["Key"]: tag["Value"] for tag in found} == REQUIRED


def test_a_build_has_the_tags_of_its_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBSMITH_STATE", str(tmp_path))
    with run.start(Builder(tags=REQUIRED)) as made:
        assert REQUIRED.items() <= made.tags.items()
        assert made.tags["hubsmith:run"] == made.id


def test_the_images_own_tags_go_before_those_of_everything(tmp_path: Path) -> None:
    state = build(tmp_path, Wire(layer_tags=None))
    assert "CostCenter" not in describing_tags(state)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("{Name: x}", "Name, which Hubsmith sets itself"),
        ("{a: 'x&y'}", "IAM allows letters"),
        ("{'aws:x': y}", "the prefixes aws: and hubsmith: are reserved"),
    ],
)
@pytest.mark.parametrize("section", ["builder", "launch"])
def test_what_aws_would_refuse_is_refused_before(section: str, given: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        load(REPO / "manifest.yaml", overrides=[f"{section}.tags={given}"])
