"""What a schedule runs, run for real from a clean checkout: the commands of the unit, the crontab, the
workflow and the buildspec.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from build.manifest import load
from build.rebuild.schedule import policy
from tests.cloud.invoke_runner import REPO, TINY, InvokeRunner, as_on_a_terminal

pytestmark = [pytest.mark.vm, pytest.mark.turn]
MANIFEST = ("--manifest", "tests/cloud/tiny/manifest.yaml", "--set", "image.name=scheduled")


@pytest.fixture(scope="module", params=["borrowed", pytest.param("own", marks=pytest.mark.exhaustive)])
def checkout(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed and uncommitted files of this checkout and nothing else; set up by the schedule's own
    command, or with our set-up.
    """
    folder = tmp_path_factory.mktemp("checkout") / "hubsmith"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPO,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (REPO / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPO / name, folder / name, follow_symlinks=False)
    if request.param == "borrowed":
        (folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    return folder


@pytest.fixture(scope="module")
def environment(runner: InvokeRunner) -> Iterator[dict[str, str]]:
    """What a runner in a cloud has: credentials of the template's role, an endpoint and no memory."""
    iam, name = runner.client("iam"), "scheduled-build"
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": "sts:AssumeRole",
    }
    iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    iam.put_role_policy(RoleName=name, PolicyName="build", PolicyDocument=json.dumps(build_policy()))
    given = runner.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::123456789012:role/{name}", RoleSessionName="build"
    )["Credentials"]
    keys = {"AWS_ACCESS_KEY_ID": given["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"]}
    aws = {
        "AWS_ENDPOINT_URL": runner.endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_SESSION_TOKEN": given["SessionToken"],
        **keys,
    }
    yield {
        **as_on_a_terminal(),
        **aws,
        "HUBSMITH_STATE": str(runner.state / "elsewhere"),
        "COLUMNS": "80",
        "CI": "true",
    }
    iam.delete_role_policy(RoleName=name, PolicyName="build")
    iam.delete_role(RoleName=name)


def build_policy() -> dict[str, Any]:
    """That of the template's role, with its functions worked out."""
    statements = policy.statements(load(TINY, cloud="aws", overrides=["image.name=scheduled"]))
    text = json.dumps(statements)
    for name, value in {"Partition": "aws", "Region": "us-east-1", "AccountId": "123456789012"}.items():
        text = text.replace(f"${{AWS::{name}}}", value)
    return {
        "Version": "2012-10-17",
        "Statement": json.loads(re.sub(r'\{"Fn::Sub": ("[^"]*")\}', r"\1", text)),
    }


def shown(checkout: Path, environment: dict[str, str], keeper: str, *more: str) -> str:
    invoke = Path(sys.executable).with_name("invoke")
    command = [
        str(invoke),
        "schedule",
        "--every",
        "Mon 03:00",
        "--on",
        keeper,
        "--show",
        "--cloud",
        "aws",
        *MANIFEST,
        *more,
    ]
    return subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, check=True
    ).stdout


def run(command: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    if command.startswith("make ") and (folder / ".venv").is_symlink():
        command = "true"
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


@pytest.fixture(scope="module")
def built(checkout: Path, environment: dict[str, str]) -> str:
    """The buildspec's commands, in order; the first run of all builds."""
    template = yaml.safe_load(
        shown(checkout, environment, "aws", "--source", "https://github.com/ada/hub.git")
    )
    phases = yaml.safe_load(template["Resources"]["Project"]["Properties"]["Source"]["BuildSpec"])["phases"]
    out = ""
    for command in [*phases["install"]["commands"], *phases["build"]["commands"]]:
        done = run(command, checkout, environment)
        assert done.returncode == 0, done.stderr
        out = done.stdout
    assert out.startswith("ami-")
    return out.strip()


def test_the_workflow(checkout: Path, environment: dict[str, str], built: str) -> None:
    steps = yaml.safe_load(shown(checkout, environment, "github"))["jobs"]["rebuild"]["steps"]
    done = [run(step["run"], checkout, environment) for step in steps if "run" in step]
    assert [each.returncode for each in done] == [0] * len(done), done[-1].stderr
    assert done[-1].stdout.strip() == built
    assert f"nothing changed: {built} is up to date" in done[-1].stderr


def test_the_unit_and_the_crontab(checkout: Path, environment: dict[str, str], built: str) -> None:
    unit = shown(checkout, environment, "systemd")
    starts = [line.removeprefix("ExecStart=") for line in unit.splitlines() if line.startswith("ExecStart=")]
    assert [run(line, checkout, environment).stdout.strip() for line in starts] == [built]
    for line in (*crontab(checkout, environment), crontab(checkout, environment, "--prune")[0]):
        done = run(line, Path("/"), {**environment, "CI": ""})
        # Cron would send a mail of anything that is said.
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def crontab(checkout: Path, environment: dict[str, str], *more: str) -> list[str]:
    """What cron gives to a shell, at the time and after a boot."""
    table = shown(checkout, environment, "cron", *more).replace("\\%", "%").splitlines()
    return [line.split(" ", fields)[fields] for line, fields in ((table[1], 5), (table[2], 3))]


def test_a_crontab_whose_command_fails_says_all_that_was_said(
    checkout: Path, environment: dict[str, str], built: str
) -> None:
    line = crontab(checkout, environment, "--check", "--prune", "--set", "image.description=100% other")[0]
    done = run(line, Path("/"), {**environment, "CI": ""})
    assert done.returncode != 0
    assert "due: image.description changed" in done.stdout
    assert built in done.stdout
    assert "removed" not in done.stdout  # what comes afterwards does not


def test_what_comes_after_a_run_may_remove_old_images_and_layers(
    checkout: Path, environment: dict[str, str], runner: InvokeRunner
) -> None:
    """`--prune`: what builds made, and with the role's tags alone."""
    ec2 = runner.client("ec2")
    mark = {"hubsmith:image": "scheduled", "hubsmith:state": "published", "hubsmith:run": "earlier"}
    made = [image(ec2, f"scheduled-{number}", mark) for number in range(2)]
    # without an end: too old
    layer = snapshot(
        ec2, {"hubsmith:state": "layer", "hubsmith:layer": "a" * 64, "hubsmith:made-by": "earlier"}
    )
    command = yaml.safe_load(shown(checkout, environment, "github", "--prune"))["jobs"]["rebuild"]["steps"][
        -1
    ]["run"]
    done = run(f"{command} --set retention.keep=1", checkout, environment)
    try:
        assert done.returncode == 0, done.stderr
        assert "2 removed" in done.stderr  # the older image, which takes its snapshot with it, and the layer
        assert ec2.describe_images(ImageIds=[made[1][0]])["Images"]
        left = [one["SnapshotId"] for one in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]]
        assert made[0][1] not in left
        assert layer not in left
    finally:
        ec2.deregister_image(ImageId=made[1][0])
        ec2.delete_snapshot(SnapshotId=made[1][1])


def snapshot(ec2: Any, tags: dict[str, str]) -> str:
    """Of an empty volume."""
    volume = ec2.create_volume(Size=1, AvailabilityZone="us-east-1a")["VolumeId"]
    marks = [
        {"ResourceType": "snapshot", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
    ]
    found = str(ec2.create_snapshot(VolumeId=volume, TagSpecifications=marks)["SnapshotId"])
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[found], WaiterConfig={"Delay": 1})
    ec2.delete_volume(VolumeId=volume)
    return found


def image(ec2: Any, name: str, tags: dict[str, str]) -> tuple[str, str]:
    """An image and its snapshot, as a build tags them."""
    made = snapshot(ec2, tags)
    marks = [{"ResourceType": "image", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]
    mapping = [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": made}}]
    request = {
        "RootDeviceName": "/dev/xvda",
        "Architecture": "x86_64",
        "BlockDeviceMappings": mapping,
        "TagSpecifications": marks,
    }
    return str(ec2.register_image(Name=name, **request)["ImageId"]), made


def test_a_run_that_was_not_missed_is_not_made_up_for(
    checkout: Path, environment: dict[str, str], built: str
) -> None:
    done = run(
        f".venv/bin/invoke rebuild --scheduled --catch-up 'Mon 03:00' --cloud aws {' '.join(MANIFEST)}",
        checkout,
        environment,
    )
    assert done.returncode == 0
    assert "no run was missed since Mon 03:00" in done.stderr
