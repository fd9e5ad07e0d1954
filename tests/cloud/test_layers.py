"""Layers: what an earlier build left half-way is started from, and makes the same image as a cold build."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from localcloud.faults import client as faults
from localcloud.server import control
from tests.cloud.disks import files_on
from tests.cloud.ec2_client import Ec2Client, Key, until
from tests.cloud.invoke_runner import REPO, InvokeRunner
from tests.cloud.project import Project

pytestmark = [pytest.mark.vm, pytest.mark.turn]
SCRIPT = REPO / "build/bake/scripts/layer.sh"
TRIAL = ("--set", "publish.channel=trial")
"""So that the first image stays what the project's channel says."""
MAY_DIFFER = {"./var/lib/tiny/instance-id"}
"""The machine the image was taken of: tiny has no cloud-init to clean up after."""


@pytest.fixture
def project(layered: Project) -> Project:
    return layered


def layers(runner: InvokeRunner) -> list[Any]:
    found = runner.client("ec2").describe_snapshots(
        OwnerIds=["self"], Filters=[{"Name": "tag:hubsmith:state", "Values": ["layer"]}]
    )
    return sorted(found["Snapshots"], key=lambda one: one["StartTime"])


def provisioned(err: str) -> dict[str, bool]:
    """Which provisioners were run (False: they were in the layer)."""
    lines = err.splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("» provision ")]
    return {lines[number].split()[-1]: "already in the layer" not in lines[number + 1] for number in starts}


def test_a_build_leaves_a_layer_after_each_provisioner(project: Project, cold: str) -> None:
    made = layers(project.runner)
    assert [one["State"] for one in made] == ["completed"] * 2
    marks = [{tag["Key"]: tag["Value"] for tag in one["Tags"]} for one in made]
    assert [each["hubsmith:layer-of"] for each in marks] == ["greeting", "farewell"]
    assert all("hubsmith:run" not in each for each in marks)
    planned = project.json("plan")
    assert [step["layer"][:5] for step in planned["provisioners"]] == ["hit: "] * 2
    assert planned["start"] == f"layer {made[1]['SnapshotId']}, which has the first 2 provisioner(s) in it"


def test_only_what_changed_is_run_again_and_plan_says_why(project: Project, cold: str) -> None:
    changed = ("--set", "provisioners=[greeting, {name: farewell, variables: {words: bye}}]")
    planned = project.json("plan", *changed)
    assert (
        planned["provisioners"][1]["layer"]
        == "miss: farewell, or a provisioner before it, has changed since the last layer"
    )
    done = project.invoke("build-ami", *changed, *TRIAL)
    assert done.status == 0, done.err
    assert provisioned(done.err) == {"greeting": False, "farewell": True}
    record = project.runner.record(done.last)
    assert record["layer"]["depth"] == 1
    assert record["since"] == project.runner.record(cold)["since"]
    ec2 = project.runner.client("ec2")
    name = {"Name": "name", "Values": [f"hubsmith-layer-{layers(project.runner)[0]['SnapshotId']}"]}
    (registered,) = ec2.describe_images(Owners=["self"], Filters=[name])["Images"]
    assert (registered["Public"], {"Key": "hubsmith:state", "Value": "layer"} in registered["Tags"]) == (
        False,
        True,
    )
    image = ec2.describe_images(ImageIds=[done.last])["Images"][0]
    assert {tag["Key"]: tag["Value"] for tag in image["Tags"]}["hubsmith:since"] == record["since"]


def test_another_manifest_with_the_same_first_steps_shares_the_layer(project: Project, cold: str) -> None:
    planned = project.json("plan", "--set", "image.name=other", "--set", "provisioners=[greeting]")
    assert planned["start"].startswith("layer snap-")


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("layers.enabled=false", "layers.enabled is false"),
        ("builder.root_volume.encrypted=false", "is encrypted, builder.root_volume is not"),
    ],
)
def test_a_layer_that_cannot_be_used_is_not(project: Project, cold: str, setting: str, why: str) -> None:
    planned = project.json("plan", "--set", setting)
    assert planned["start"] == "the base image"
    assert all(step["layer"].endswith(why) for step in planned["provisioners"])


def test_an_old_layer_is_not_used(project: Project, cold: str) -> None:
    ec2, newest = project.runner.client("ec2"), layers(project.runner)
    ids = [one["SnapshotId"] for one in newest]
    since = next(tag["Value"] for tag in newest[0]["Tags"] if tag["Key"] == "hubsmith:since")
    ec2.create_tags(Resources=ids, Tags=[{"Key": "hubsmith:since", "Value": "2020-01-01T00:00:00+00:00"}])
    planned = project.json("plan")
    ec2.create_tags(Resources=ids, Tags=[{"Key": "hubsmith:since", "Value": since}])
    assert planned["start"] == "the base image"
    assert "is older than layers.max_age_days (7)" in planned["provisioners"][0]["layer"]


def test_a_layered_and_a_cold_build_hold_the_same_files(project: Project, cold: str, tmp_path: Path) -> None:
    layered = project.invoke("build-ami", *TRIAL)
    assert layered.status == 0, layered.err
    assert provisioned(layered.err) == {"greeting": False, "farewell": False}
    before, after = files_on(project.runner, tmp_path, cold, layered.last)
    assert "./etc/greeting/copy" in before
    assert {
        path for path in before.keys() | after.keys() if before.get(path) != after.get(path)
    } == MAY_DIFFER
    assert not any("authorized_keys" in path or path.endswith("host_key") for path in after)


def test_no_cache_starts_from_the_base_image(project: Project, cold: str) -> None:
    # Far enough to see what it would launch.
    faults.add(
        project.runner.endpoint,
        [{"kind": "error", "call": "RunInstances", "code": "UnauthorizedOperation"}],
    )
    try:
        said = [project.invoke("build-ami", *more, *TRIAL) for more in ((), ("--no-cache",))]
    finally:
        faults.clear(project.runner.endpoint)
    assert [done.status for done in said] == [1, 1]
    assert ["2 provisioner(s) are in it" in done.err for done in said] == [True, False]


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.matrix), signal.SIGKILL])
def test_what_a_stopped_build_had_finished_is_a_layer(
    project: Project, cold: str, number: signal.Signals
) -> None:
    words = f"provisioners=[{{name: greeting, variables: {{whom: {number.name}}}}}, hanging]"
    arguments, endpoint = ("--set", words), project.runner.endpoint
    faults.add(endpoint, [{"kind": "state", "change": "snapshot", "seconds": 3600}])
    try:
        running = project.start("build-ami", *arguments)
        # it has waited for the call and not for the copy, which takes an hour
        running.wait_for("hanging now")
        assert re.fullmatch(
            r"miss: snap-\w+ is pending", project.json("plan", *arguments)["provisioners"][0]["layer"]
        )
        running.end(number)
    finally:
        faults.clear(endpoint)
    assert project.runner.invoke("sweep").status == 0
    planned = project.json("plan", *arguments)
    assert [step["layer"][:3] for step in planned["provisioners"]] == ["hit", "mis"]


def test_a_build_keeps_ec2s_limits_of_snapshots_and_the_next_one_waits_for_its_layers_image(
    project: Project, cold: str
) -> None:
    endpoint = project.runner.endpoint
    changed = ("--set", "provisioners=[greeting, {name: farewell, variables: {words: so long}}]")
    faults.add(endpoint, [{"kind": "state", "change": "snapshot", "seconds": 40}])
    try:
        done = project.invoke("build-ami", "--no-cache", *TRIAL)
    finally:
        faults.clear(endpoint)
    assert done.status == 0, done.err
    # EC2 refuses one where a list does not have yet that the first was begun
    assert re.search(
        r"no layer after farewell: (a snapshot of vol-\w+ is pending that was begun \d+ s ago"
        r"|another snapshot of the volume was begun .* \(SnapshotCreationPerVolumeRateExceeded\))",
        done.err,
    )
    assert "warning" not in done.err
    faults.add(endpoint, [{"kind": "state", "change": "image", "seconds": 10}])
    try:
        done = project.invoke("build-ami", *changed, *TRIAL)
    finally:
        faults.clear(endpoint)
    assert done.status == 0, done.err
    assert provisioned(done.err) == {"greeting": False, "farewell": True}
    found = project.runner.record(done.last)["seconds"]
    steps = {timing["step"]: timing["seconds"] for timing in found}
    assert steps["look for a layer to start from"] >= 10


def test_a_held_file_system_is_let_go_in_any_case(runner: InvokeRunner, tmp_path: Path) -> None:
    endpoint = control.find(runner.state / "cloud")
    assert endpoint is not None
    ec2_client = Ec2Client(endpoint, runner.state / "cloud", Key.make(tmp_path / "id_ed25519"))
    # The watcher is connected before: dropbear logs each connection to the file system that is held.
    with ec2_client.instance() as instance, ec2_client.connected(instance, timeout_s=240) as watcher:

        def says(command: str) -> str:
            return watcher.exec_command(command, timeout=60)[1].read().decode().strip()

        def written(name: str) -> bool:
            return says(f"cat /etc/{name} 2>/dev/null") == "x"

        def held(name: str) -> bool:
            says(f"(echo x > /etc/{name}) </dev/null >/dev/null 2>&1 &")
            time.sleep(1)
            return not written(name)

        with ec2_client.connected(instance) as builder:
            into, told, _ = builder.exec_command("cat > /run/layer.sh")
            into.write(SCRIPT.read_bytes())
            into.channel.shutdown_write()
            assert told.channel.recv_exit_status() == 0
            # Its time is over: said by its status, so that the snapshot is not trusted.
            into, told, _ = builder.exec_command("sh /run/layer.sh hold 8")
            assert told.readline() == "still\n"
            assert held("first")
            until(lambda: written("first"), 60)
            into.channel.shutdown_write()
            assert told.channel.recv_exit_status() != 0
            # In time.
            into, told, _ = builder.exec_command("sh /run/layer.sh hold 60")
            assert told.readline() == "still\n"
            assert held("second")
            into.channel.shutdown_write()
            assert told.channel.recv_exit_status() == 0
            until(lambda: written("second"), 60)
            # The connection is lost; dropbear would log that to the held disk, so its time has to be over.
            into, told, _ = builder.exec_command("sh /run/layer.sh hold 20")
            assert told.readline() == "still\n"
            assert held("third")
            assert not into.channel.closed
        until(lambda: written("third"), 120)
    ec2_client.client("ec2").delete_key_pair(KeyName="tests")
