"""A build and what EC2 has just made: pending images and snapshots, their limits, unknown ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError

from build.aws import tags
from build.bake import layers
from build.bake.inputs.inputs import Inputs
from build.bake.instances import launch
from build.bake.state import Bake, Instance
from build.bake.steps import inspect_disk, restore_layer
from build.bake.steps.image import CreateImage
from build.bake.steps.restore_layer import FindLayer
from build.bake.steps.save_layer import SaveLayer
from build.errors import CloudError, RemoteError
from build.remote import keys
from build.remote.shell import Shell
from build.remote.ssh_target import SshTarget
from build.report.reporter import Reporter
from tests.unit.bake import recording
from tests.unit.bake.wire import Channel, Wire

TOO_SOON, TOO_MANY = "SnapshotCreationPerVolumeRateExceeded", "ConcurrentSnapshotLimitExceeded"
SAYS_TOO_SOON = f"another snapshot of the volume was begun less than 15 s ago ({TOO_SOON})"
SAYS_TOO_MANY = f"too many snapshots of the volume are pending ({TOO_MANY})"
DISK = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeId": "vol-root", "SnapshotId": "snap-layer"}}


class Cloud(Wire):
    """EC2 that answers some calls with errors or answers of the test's own first; the last one stays."""

    def __init__(self, layer_tags: Mapping[str, str] | None = None) -> None:
        super().__init__(layer_tags=layer_tags)
        self.first: dict[str, list[Any]] = {}
        self.pending: list[float] = []
        """The ages in seconds of the builder's pending snapshots."""

    @property
    def calls(self) -> list[str]:
        return [line.split()[1] for line in self.log if line.startswith("EC2 ")]

    def _answered(self, model: Any, params: Mapping[str, Any], **more: object) -> tuple[object, object]:
        asked = params["body"]
        if self.first.get(model.name) and not (model.name == "DescribeImages" and "ImageId.1" not in asked):
            answer = self.first[model.name].pop(0)
            if isinstance(answer, str):
                error = {"Error": {"Code": answer, "Message": "not yet"}, "ResponseMetadata": {}}
                return SimpleNamespace(status_code=400), error
            return SimpleNamespace(status_code=200), answer
        if model.name == "DescribeSnapshots" and "status" in asked.values():
            return SimpleNamespace(status_code=200), {"Snapshots": self._pending()}
        return super()._answered(model, params, **more)

    def _pending(self) -> list[dict[str, Any]]:
        now = datetime.now(timezone.utc)
        return [{"State": "pending", "StartTime": now - timedelta(seconds=age)} for age in self.pending]


class Heard(Reporter):
    """Keeps what is said."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.waits: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def waiting(self, what: str) -> None:
        self.waits.append(what)


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., tuple[Bake, Cloud, Heard]]]:
    with ExitStack() as stack:

        def begin(*, has_layer: bool = False) -> tuple[Bake, Cloud, Heard]:
            manifest = recording.an_example(tmp_path)
            now = Inputs.from_manifest(manifest, "ami-base", "example-1", "admin")
            since = datetime.now(timezone.utc).isoformat()
            wire = Cloud({tags.LAYER: layers.key_of(now, 0), tags.SINCE: since} if has_layer else None)
            state = wire.state = recording.a_build(manifest, tmp_path, wire.ec2())
            heard = state.report = Heard()
            state.inputs, state.since = now, since
            target = SshTarget("127.0.0.1", "admin", state.run.key, (keys.generate().public,))
            state.builder = Instance("i-builder", "127.0.0.1", target, no_kernel())
            stack.enter_context(patch.object(Shell, "__enter__", lambda shell: shell))
            stack.enter_context(patch.object(Shell, "_channel", lambda _: Channel(wire)))
            return state, wire, heard

        yield begin


def no_kernel() -> Any:
    return SimpleNamespace(check=lambda *_, **__: None, look=lambda **_: None)


def kept(state: Bake) -> None:
    SaveLayer(state.manifest.provisioners[0], 0).run(state)


def image(state: str) -> dict[str, Any]:
    return {
        "Images": [
            {
                "ImageId": "ami-layer",
                "State": state,
                "Architecture": "x86_64",
                "BlockDeviceMappings": [DISK],
            }
        ]
    }


def test_a_layer_is_taken_where_nothing_is_pending(build: Any) -> None:
    state, cloud, heard = build()
    kept(state)
    assert cloud.calls == ["CreateSnapshot"]
    assert heard.notes == ["layer snap-new"]


@pytest.mark.parametrize(
    ("ages", "why"),
    [
        ([3], "a snapshot of vol-root is pending that was begun 3 s ago"),
        ([60, 70, 80], "3 snapshots of vol-root are pending"),
    ],
)
def test_a_layer_that_the_limits_leave_no_room_for_is_left_out(
    build: Any, ages: list[float], why: str
) -> None:
    state, cloud, heard = build()
    cloud.pending = ages
    kept(state)
    assert cloud.log == []  # nor was the builder's disk held
    assert (heard.notes, heard.warnings, heard.waits) == ([f"no layer after first: {why}"], [], [])


@pytest.mark.parametrize(
    ("code", "says"),
    [(TOO_SOON, SAYS_TOO_SOON), (TOO_MANY, SAYS_TOO_MANY)],
)
def test_a_layer_that_the_limits_refuse_is_left_out_without_a_warning(
    build: Any, code: str, says: str
) -> None:
    state, cloud, heard = build()
    cloud.first = {"CreateSnapshot": [code]}
    kept(state)
    assert (heard.notes, heard.warnings) == ([f"no layer after first: {says}"], [])


@pytest.mark.parametrize(
    ("call", "answer"),
    [("CreateSnapshot", "UnauthorizedOperation"), ("DescribeInstances", {"Reservations": []})],
)
def test_a_layer_that_cannot_be_taken_is_a_warning(
    build: Any, monkeypatch: pytest.MonkeyPatch, call: str, answer: Any
) -> None:
    monkeypatch.setattr("build.aws.eventual.wait_until", _impatient)
    state, cloud, heard = build()
    cloud.first = {call: [answer] * 3}
    kept(state)
    (warning,) = heard.warnings
    assert warning.startswith("could not save a layer after first: ")


def test_a_layer_that_is_not_whole_is_deleted_as_soon_as_ec2_knows_it(
    build: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, cloud, heard = build()
    cloud.first = {"DeleteSnapshot": ["InvalidSnapshot.NotFound"]}
    monkeypatch.setattr(Shell, "holding", let_go_too_early)
    kept(state)
    assert cloud.calls == ["CreateSnapshot", "DeleteSnapshot", "DeleteSnapshot"]
    assert state.layer_ids == []
    assert len(heard.warnings) == 1


@contextmanager
def let_go_too_early(*_: object, **__: object) -> Iterator[None]:
    yield
    raise RemoteError("the file system was let go too early")


def _impatient(look: Callable[[], Any], done: Callable[[Any], bool], **_: object) -> Any:
    seen = look()
    if not done(seen):
        raise CloudError("took too long")
    return seen


def test_the_image_waits_for_the_layers(build: Any) -> None:
    state, cloud, heard = build()
    cloud.pending = [60, 70, 80, 90, 100]
    waited = heard.waits.append

    def waiting(what: str) -> None:
        waited(what)
        cloud.pending.pop()

    heard.waiting = waiting
    cloud.first = {"CreateImage": [TOO_MANY, TOO_SOON]}
    CreateImage().run(state)
    assert cloud.calls == ["CreateImage"] * 3
    assert heard.waits[0] == "the next snapshot of vol-root: 5 snapshots of vol-root are pending"
    assert heard.waits[1:] == [f"{state.image_name}: {SAYS_TOO_MANY}", f"{state.image_name}: {SAYS_TOO_SOON}"]
    assert state.image_id == "ami-made"


def test_another_refusal_of_the_image_is_raised(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("build.bake.steps.image._LISTED_S", 0)  # the run has no image of that name
    state, cloud, _ = build()
    cloud.first = {"CreateImage": ["InvalidAMIName.Duplicate"]}
    with pytest.raises(ClientError, match="Duplicate"):
        CreateImage().run(state)


def test_a_layers_image_is_waited_for(build: Any) -> None:
    state, cloud, heard = build(has_layer=True)
    of_the_base = image("available")
    cloud.first = {"DescribeImages": [of_the_base, "InvalidAMIID.NotFound", image("pending")]}
    FindLayer().run(state)
    assert cloud.calls == ["RegisterImage"]
    assert heard.waits == ["ami-layer: not there yet", "ami-layer: pending"]
    assert (state.source_id, state.layer and state.layer.depth) == ("ami-layer", 1)
    assert heard.warnings == []


@pytest.mark.parametrize(
    ("first", "why"),
    [
        ({"RegisterImage": ["UnauthorizedOperation"]}, "not yet (UnauthorizedOperation)"),
        ({"DescribeImages": [image("available"), image("failed")]}, "ami-layer is failed: no reason given"),
        ({"DescribeImages": [{"Images": []}]}, "ami-base no longer exists"),
        ({"DescribeSnapshots": ["UnauthorizedOperation"]}, "not yet (UnauthorizedOperation)"),
    ],
    ids=["refused", "failed", "no base", "no list"],
)
def test_a_layer_that_cannot_be_used_is_passed_over(build: Any, first: dict[str, Any], why: str) -> None:
    state, cloud, heard = build(has_layer=True)
    cloud.first = first
    FindLayer().run(state)
    assert (state.source_id, state.layer) == ("ami-base", None)
    assert state.since == "2026-01-01T00:00:00+00:00"
    (warning,) = heard.warnings
    assert warning.startswith("no layer can be used, starting from the base image: ")
    assert why in warning


def test_a_layers_image_that_stays_pending_is_passed_over(
    build: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore_layer, "_IMAGE_S", 0.3)
    state, cloud, heard = build(has_layer=True)
    cloud.first = {"DescribeImages": [image("available"), *[image("pending")] * 9]}
    FindLayer().run(state)
    assert (state.source_id, state.layer) == ("ami-base", None)
    assert "last seen: pending" in heard.warnings[0]


@pytest.mark.parametrize(
    "code", ["InvalidAMIID.Unavailable", "InvalidAMIID.NotFound", "InvalidGroup.NotFound"]
)
def test_an_instance_of_a_new_image_is_asked_for_again(build: Any, code: str) -> None:
    state, cloud, heard = build()
    cloud.first = {"RunInstances": [code]}
    assert launch(state, "ami-made", "candidate")[0].id == "i-builder"
    assert cloud.calls == ["RunInstances"] * 2
    tokens = [line for line in cloud.log if "ClientToken" in line]
    assert len(set(tokens)) <= 1
    assert heard.waits[0].startswith("ami-made: the ")
    assert heard.waits[0].endswith(f" ({code})")


def test_a_subnet_that_does_not_exist_is_reported_at_once(build: Any) -> None:
    state, cloud, _ = build()
    cloud.first = {"RunInstances": ["InvalidSubnetID.NotFound"]}
    with pytest.raises(ClientError, match="InvalidSubnetID"):
        launch(state, "ami-made", "candidate")


def test_the_copy_of_the_images_disk_is_attached_before_it_is_changed(build: Any, tmp_path: Path) -> None:
    state, cloud, heard = build()
    state.candidates, state.snapshot_ids = (state.builder,), ("snap-1",)

    def volume(status: str, *attachments: str) -> dict[str, Any]:
        found = [{"State": each, "Device": "/dev/sdf"} for each in attachments]
        return {"Volumes": [{"VolumeId": "vol-1", "State": status, "Attachments": found}]}

    zone = {"InstanceId": "i-builder", "Placement": {"AvailabilityZone": "us-east-1a"}}
    (tmp_path / "tests/image/test_sealed.py").touch()
    cloud.first = {
        "DescribeInstances": [{"Reservations": []}, {"Reservations": [{"Instances": [zone]}]}],
        "CreateVolume": ["InvalidSnapshot.NotFound", {"VolumeId": "vol-1"}],
        "DescribeVolumes": [
            "InvalidVolume.NotFound",
            volume("available"),
            volume("in-use", "attaching"),
            volume("in-use", "attached"),
        ],
        "AttachVolume": ["InvalidVolume.NotFound"],
        "ModifyInstanceAttribute": ["InvalidInstanceAttributeValue"],
    }
    inspect_disk.CopyDisk().run(state)
    assert heard.waits == []  # nothing is waited for until the volume is needed
    inspect_disk.InspectImageFiles()._attach(state)
    assert cloud.calls == ["CreateVolume"] * 2 + ["AttachVolume"] * 2 + ["ModifyInstanceAttribute"] * 2
    assert heard.waits == ["vol-1: not there yet", "vol-1: attaching"]
