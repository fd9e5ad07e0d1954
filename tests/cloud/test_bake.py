"""The bake on the tiny base image: what it makes, what it says, and that it leaves nothing."""

from __future__ import annotations

import base64
import json
import re
import signal
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud.invoke_runner import TINY, Build, Done, InvokeRunner
from tests.cloud.project import Project

pytestmark = pytest.mark.vm

AMI = re.compile(r"ami-[0-9a-f]{17}")


@pytest.fixture(scope="module")
def built(greeting: Build) -> Done:
    return greeting.done


@pytest.fixture
def nothing_left(runner: InvokeRunner) -> Iterator[None]:
    """Whatever the test does, the API lists afterwards what it listed before."""
    before = runner.listing()
    yield
    assert runner.listing() == before


def test_stdout_is_the_image_id_and_nothing_else(built: Done) -> None:
    assert AMI.fullmatch(built.out.strip())


def test_the_first_line_says_which_cloud_account_and_region(built: Done) -> None:
    assert built.err.splitlines()[0] == "cloud local · account 123456789012 · region us-east-1"


def test_only_the_image_and_its_snapshot_remain(greeting: Build) -> None:
    before, after = dict(greeting.before), dict(greeting.after)
    assert set(after.pop("images")) - set(before.pop("images")) == {greeting.done.last}
    assert len(after.pop("snapshots")) == len(before.pop("snapshots")) + 1
    assert after == before


def test_image_and_snapshot_carry_what_they_are(runner: InvokeRunner, built: Done) -> None:
    ec2 = runner.client("ec2")
    image = ec2.describe_images(ImageIds=[built.last])["Images"][0]
    snapshot = ec2.describe_snapshots(SnapshotIds=[image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]])[
        "Snapshots"
    ][0]
    for resource in (image, snapshot):
        marks = {tag["Key"]: tag["Value"] for tag in resource["Tags"]}
        assert marks["hubsmith:state"] == "published"
        assert marks["hubsmith:channel"] == "stable"
        assert marks["hubsmith:image"] == "greeting"
        assert "tiny-amd64-" in marks["hubsmith:base"]
        assert "hubsmith:expires" not in marks
    assert image["Name"].startswith("greeting-")
    assert image["Description"] == "a tiny image that greets"


def test_the_parameter_points_to_the_image(runner: InvokeRunner, built: Done) -> None:
    assert (
        runner.client("ssm").get_parameter(Name="/test/greeting/latest")["Parameter"]["Value"] == built.last
    )


def test_the_record_tells_what_was_tested_where_and_how_long(runner: InvokeRunner, built: Done) -> None:
    record = runner.record(built.last)
    assert [(run["stage"], run["passed"], run["failed"]) for run in record["tests"]] == [
        ("builder", 2, 0),
        ("candidate", 2, 0),
        ("rebooted", 2, 0),
    ]
    assert record["provisioners"][0]["values"] == {"whom": "world"}
    assert (
        str(record["scheme"])
        == runner.client("ec2").describe_tags(
            Filters=[
                {"Name": "resource-id", "Values": [built.last]},
                {"Name": "key", "Values": ["hubsmith:scheme"]},
            ]
        )["Tags"][0]["Value"]
    )
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", record["git"])
    assert all(timing["seconds"] >= 0 for timing in record["seconds"])
    assert "launch the builder" in [timing["step"] for timing in record["seconds"]]


def test_images_lists_it(runner: InvokeRunner, built: Done) -> None:
    rows = json.loads(runner.invoke("images", "--json").out)
    assert [row["state"] for row in rows if row["id"] == built.last] == ["published"]
    assert built.last in runner.invoke("images").out


def test_plan_says_that_the_same_is_there_already_and_makes_nothing(
    runner: InvokeRunner, built: Done, nothing_left: None
) -> None:
    planned = runner.invoke("plan", "--manifest", str(TINY))
    assert planned.status == 0
    assert f"{built.last} is up to date" in planned.out
    changed = runner.invoke("plan", "--manifest", str(TINY), "--profile", "untrue")
    why = " ".join(changed.out.split()).partition(" why ")[2].partition(" base image ")[0]
    assert why.startswith(f"{built.last} differs: ")
    assert "greeting" in why
    assert max(map(len, changed.out.splitlines())) <= 80


def test_a_failing_provisioner_is_named_with_file_line_and_last_output(
    runner: InvokeRunner, nothing_left: None
) -> None:
    done = runner.build("--profile", "failing")
    assert done.status == 1
    assert done.out == ""
    assert "provisioners/failing/install.sh" in done.err
    assert "about to fail" in done.err.split("error:")[1]
    assert "Traceback" not in done.err


@pytest.mark.matrix
def test_a_provisioner_that_takes_too_long_is_ended_and_named(
    runner: InvokeRunner, nothing_left: None
) -> None:
    done = runner.build("--profile", "hanging", "--set", "provisioners.hanging.timeout_minutes=1")
    assert done.status == 1
    assert "provisioners/hanging/install.sh: provisioner hanging was cut off" in " ".join(done.err.split())
    assert "hanging now" in done.err.split("hint:")[1]


def test_a_failing_image_test_is_named_and_no_image_is_made(runner: InvokeRunner, nothing_left: None) -> None:
    done = runner.build("--profile", "untrue")
    assert done.status == 1
    assert "test_the_greeting_is_in_place" in done.err.split("error:")[1]
    (journal,) = re.findall(r"journal-\w+\.txt", done.err.split("hint:")[1])
    folder = max((runner.state / "runs").glob(f"*/{journal}"), key=lambda file: file.stat().st_mtime).parent
    assert "journalctl" in (folder / journal).read_text()  # the tiny image has none, and says so
    assert (folder / journal.replace("journal", "console")).read_text().strip() not in ("", "(nothing yet)")


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.turn),
        pytest.param(signal.SIGHUP, marks=pytest.mark.turn),
    ],
)
def test_a_stopped_build_leaves_nothing(
    runner: InvokeRunner, nothing_left: None, number: signal.Signals
) -> None:
    running = runner.start_build("--profile", "hanging")
    running.wait_for("hanging now")
    assert running.end(number) == 1
    assert f"stopped by {number.name}" in running.lines[-2]


@pytest.mark.matrix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "step",
    [
        "open a security group",
        "launch the builder",
        "seal",
        "create the image",
        "boot a fresh instance",
        "reboot it",
    ],
)
def test_a_build_stopped_at_any_step_leaves_nothing(
    runner: InvokeRunner, nothing_left: None, step: str, number: signal.Signals
) -> None:
    running = runner.start_build()
    running.wait_for(f"» {step}")
    assert running.end(number) == 1
    assert f"stopped by {number.name}" in running.lines[-2]


def test_sweep_removes_what_a_killed_build_left_and_spares_a_live_one(
    runner: InvokeRunner, nothing_left: None
) -> None:
    killed, alive = runner.start_build("--profile", "hanging"), runner.start_build("--profile", "hanging")
    for running in (killed, alive):
        running.wait_for("hanging now")
    assert killed.end(signal.SIGKILL) == -signal.SIGKILL
    dead_run = next(line.split(",")[0] for line in killed.lines if line.startswith("run-"))

    dry = runner.invoke("sweep", "--dry-run", "--json")
    found = json.loads(dry.out)
    assert {row["kind"] for row in found} == {"instance", "volume", "security group"}
    assert {row["run"] for row in found} == {dead_run}
    assert len(runner.listing()["instances"]) == 2

    assert runner.invoke("sweep").status == 0
    assert len(runner.listing()["instances"]) == 1
    assert alive.process.poll() is None
    alive.end(signal.SIGTERM)


@pytest.mark.matrix
def test_sweep_removes_the_image_that_a_killed_build_had_made(
    runner: InvokeRunner, nothing_left: None
) -> None:
    killed = runner.start_build()
    killed.wait_for("» boot a fresh instance")
    assert killed.end(signal.SIGKILL) == -signal.SIGKILL
    found = json.loads(runner.invoke("sweep", "--dry-run", "--json").out)
    assert {"image", "snapshot", "security group"} <= {row["kind"] for row in found}
    assert runner.invoke("sweep").status == 0


def test_a_kept_builder_is_fenced_in_can_be_entered_and_swept(
    runner: InvokeRunner, nothing_left: None
) -> None:
    (subnet,) = runner.client("ec2").describe_subnets(
        Filters=[{"Name": "availability-zone", "Values": ["us-east-1b"]}]
    )["Subnets"]
    done = runner.build(
        "--profile", "failing", "--on-failure", "keep", "--set", f"builder.subnet_id={subnet['SubnetId']}"
    )
    assert done.status == 1
    ssh = next(line.strip() for line in done.err.splitlines() if line.strip().startswith("ssh -F"))
    inside = subprocess.run(
        [*ssh.split(), "cat /etc/greeting/text"], capture_output=True, text=True, timeout=60, check=False
    )
    assert inside.stdout == "hello world\n", inside.stderr
    run = next(line.split()[-1] for line in done.err.splitlines() if "invoke sweep --run" in line)
    assert_fenced_in(runner, run, subnet)
    assert runner.invoke("sweep", "--run", run).status == 0


ONLY_WHERE_IT_WAS_BORN = """
import os


def test_it_still_is_on_the_builder():
    assert os.environ["HUBSMITH_STAGE"] == "builder"
"""


@pytest.mark.turn
def test_of_a_build_whose_image_failed_the_fresh_instance_is_kept(
    runner: InvokeRunner, nothing_left: None, tmp_path: Path
) -> None:
    project = Project.copy(tmp_path / "project", runner, "kept")
    (project.folder / "tests/image/test_image.py").write_text(ONLY_WHERE_IT_WAS_BORN)
    done = project.invoke("build-ami", "--on-failure", "keep")
    assert done.status == 1
    assert "test_it_still_is_on_the_builder" in done.err.split("error:")[1]
    # not the builder: it is sealed, and would stand there for ever
    (instance,) = runner.listing()["instances"]
    assert f"kept {instance}; look inside:" in done.err
    ssh = next(line.strip() for line in done.err.splitlines() if line.strip().startswith("ssh -F"))
    inside = subprocess.run(
        [*ssh.split(), "cat /etc/greeting/text"], capture_output=True, text=True, timeout=60, check=False
    )
    assert inside.stdout == "hello world\n", inside.stderr
    run = next(line.split()[-1] for line in done.err.splitlines() if "invoke sweep --run" in line)
    assert runner.invoke("sweep", "--run", run).status == 0


def assert_fenced_in(runner: InvokeRunner, run: str, subnet: dict[str, str]) -> None:
    """What the builder of a run is by EC2's own account: for its caller only, encrypted, tagged, ending."""
    ec2, ours = runner.client("ec2"), [{"Name": "tag:hubsmith:run", "Values": [run]}]
    (builder,) = ec2.describe_instances(Filters=ours)["Reservations"][0]["Instances"]
    (volume,) = ec2.describe_volumes(Filters=ours)["Volumes"]
    (group,) = ec2.describe_security_groups(Filters=ours)["SecurityGroups"]
    (interface,) = ec2.describe_network_interfaces(Filters=ours)["NetworkInterfaces"]
    for resource, tags in ((builder, "Tags"), (volume, "Tags"), (group, "Tags"), (interface, "TagSet")):
        assert {"hubsmith:run", "hubsmith:owner", "hubsmith:expires"} <= {
            tag["Key"] for tag in resource[tags]
        }
    assert (builder["SubnetId"], builder["VpcId"], group["VpcId"]) == (
        subnet["SubnetId"],
        subnet["VpcId"],
        subnet["VpcId"],
    )
    assert [one["GroupId"] for one in builder["SecurityGroups"]] == [group["GroupId"]]
    opened = {
        (permission["FromPort"], r["CidrIp"])
        for permission in group["IpPermissions"]
        for r in permission["IpRanges"]
    }
    assert opened == {(22, "127.0.0.1/32"), (80, "127.0.0.1/32"), (443, "127.0.0.1/32")}
    assert builder["MetadataOptions"]["HttpTokens"] == "required"
    assert (volume["Encrypted"], volume["Attachments"][0]["DeleteOnTermination"]) == (True, True)
    told = {
        name: ec2.describe_instance_attribute(InstanceId=builder["InstanceId"], Attribute=name)[answer][
            "Value"
        ]
        for name, answer in (
            ("instanceInitiatedShutdownBehavior", "InstanceInitiatedShutdownBehavior"),
            ("userData", "UserData"),
        )
    }
    assert told["instanceInitiatedShutdownBehavior"] == "terminate"
    assert "# hubsmith-shutdown-after: 30\n" in base64.b64decode(told["userData"]).decode()


def test_a_wrong_manifest_is_the_users_own_and_costs_nothing(
    runner: InvokeRunner, nothing_left: None
) -> None:
    done = runner.build("--set", "builder.root_volume.size_gb=20")
    assert done.status == 2
    assert "--set builder.root_volume.size_gb" in done.err
    assert "did you mean" in done.err
    assert "size_gib" in done.err


def test_a_base_image_that_is_not_there_is_the_users_own(runner: InvokeRunner, nothing_left: None) -> None:
    done = runner.build("--set", "base.name=tiny-amd64-1999*")
    assert done.status == 2
    assert "no image of owner 000000000000 is named tiny-amd64-1999*" in done.err


@pytest.mark.turn
def test_a_newer_image_that_two_machines_shared_the_tests_of_takes_the_channel(
    runner: InvokeRunner, built: Done
) -> None:
    newer = runner.build("--set", "tests.machines=2")
    assert newer.status == 0, newer.err
    assert machines_of(runner, newer.last) == {"builder": 1, "candidate": 2, "rebooted": 2}
    rows = {row["id"]: row["channel"] for row in json.loads(runner.invoke("images", "--json").out)}
    assert (rows[newer.last], rows[built.last]) == ("stable", "")
    ec2 = runner.client("ec2")
    ec2.deregister_image(ImageId=newer.last, DeleteAssociatedSnapshots=True)


def machines_of(runner: InvokeRunner, image: str) -> dict[str, int]:
    """How many machines the tests of each stage were run on: each notes the boot of its own."""
    record = runner.record(image)
    boots = {}
    for stage in (run["stage"] for run in record["tests"]):
        cases = ET.parse(runner.state / "runs" / record["run"]["id"] / f"tests-{stage}.xml").getroot()
        boots[stage] = len(
            {found.get("value") for found in cases.iter("property") if found.get("name") == "boot"}
        )
    return boots
