"""What a build asks EC2 for early, and waits for only when it needs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from build.aws import tags
from build.bake import instances, recipe
from build.bake.state import Bake, BuilderNetwork
from build.bake.steps.builder import EndBuilder
from build.bake.steps.inspect_disk import CopyDisk
from build.manifest import load
from build.report.reporter import Reporter
from localcloud.faults.fault import Fault
from tests.pretended_cloud import BASE, IMAGE, PretendedCloud, pretended_cloud
from tests.unit.bake import recording

TINY = Path(__file__).parents[2] / "cloud/tiny/manifest.yaml"


class Heard(Reporter):
    """Keeps the warnings."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def cloud() -> Iterator[PretendedCloud]:
    with pretended_cloud() as cloud:
        yield cloud


@pytest.fixture
def build(cloud: PretendedCloud, tmp_path: Path) -> Bake:
    """A build whose image has been made; its builder runs."""
    ec2 = cloud.clients.ec2
    state = recording.a_build(recording.an_example(tmp_path), tmp_path, ec2)
    state.report = Heard()
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(GroupName="x", Description="x", VpcId=vpc)["GroupId"]
    state.network = BuilderNetwork(vpc, ("127.0.0.1/32",), group)
    state.snapshot_ids = (BASE,)
    return state


def running(cloud: PretendedCloud, state: Bake, role: str, count: int = 1) -> Any:
    """Launch, with an EC2 that lets an instance run as soon as somebody waits for it."""
    cloud.clients.ec2.meta.events.register("before-call.ec2.DescribeInstances", lambda **_: let_run(cloud))
    return instances.launch(state, IMAGE, role, count)


def let_run(cloud: PretendedCloud) -> None:
    for instance in cloud.backend.all_instances():
        instance._state.name, instance._state.code = "running", 16


def asked(cloud: PretendedCloud) -> list[str]:
    """The operations that EC2 is asked for from now on."""
    names: list[str] = []
    cloud.clients.ec2.meta.events.register("before-call.ec2.*", lambda model, **_: names.append(model.name))
    return names


def test_all_instances_are_asked_for_before_one_is_waited_for(cloud: PretendedCloud, build: Bake) -> None:
    calls = asked(cloud)
    made = running(cloud, build, "candidate", 3)
    assert len({one.id for one in made}) == len({one.target.host_keys for one in made}) == 3
    assert calls[:3] == ["RunInstances"] * 3
    assert "RunInstances" not in calls[3:]


def test_the_builder_is_told_to_end_and_not_waited_for(cloud: PretendedCloud, build: Bake) -> None:
    (build.builder,) = running(cloud, build, "builder")
    calls = asked(cloud)
    EndBuilder().run(build)
    assert calls == ["TerminateInstances"]


def test_a_builder_that_cannot_be_ended_is_left_to_the_cleanup(cloud: PretendedCloud, build: Bake) -> None:
    (build.builder,) = running(cloud, build, "builder")
    cloud.host.faults.set(Fault("error", call="TerminateInstances", code="UnauthorizedOperation", times=1))
    EndBuilder().run(build)
    assert build.report.warnings[0].startswith(f"{build.builder.id} stays until the cleanup: ")  # type: ignore[attr-defined]


def test_the_image_is_all_that_the_builder_is_kept_for() -> None:
    nobody = recording.nobody()
    titles = [step.title for step in recipe.steps(Bake(load(TINY), nobody, nobody, Reporter(quiet=True)))]
    assert titles.index("end the builder") == titles.index("create the image") + 1
    assert titles.index("copy the image's disk") == titles.index("test the candidate") - 1


def test_the_disk_of_the_builder_which_is_about_to_go_is_left_alone(
    cloud: PretendedCloud, build: Bake
) -> None:
    def volume(**of_what: Any) -> str:
        specifications = tags.specifications(build.run.tags, "volume")
        made = cloud.clients.ec2.create_volume(
            AvailabilityZone="us-east-1a", TagSpecifications=specifications, **of_what
        )
        return made["VolumeId"]

    copy, of_the_builder = volume(SnapshotId=BASE), volume(Size=1)
    CopyDisk().cleanup(build)
    assert copy not in cloud.backend.volumes
    assert of_the_builder in cloud.backend.volumes
