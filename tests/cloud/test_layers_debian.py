"""On Debian, with systemd and cloud-init: a layered and a cold build of the same inputs hold the same
packages and files.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.cloud.invoke_runner import REPO, Done, InvokeRunner
from tests.cloud.project import Project
from tests.disk_diff import tree

# Three builds on Debian, a quarter of an hour and more without KVM.
pytestmark = [pytest.mark.vm, pytest.mark.exhaustive]
BUILD_S = 1800

MAY_DIFFER = re.compile(
    r"etc/(\.updated|ld\.so\.cache|machine-id|resolv\.conf)|var/\.updated"
    r"|var/lib/(dpkg|apt|systemd|private|ucf|dbus)/.*|var/lib/dpkg|var/cache/.*|var/log.*|boot/.*|usr/share/mime/.*"
    r"|.*/__pycache__(/.*)?|.*\.(pyc|cache)|lost\+found|usr/lib/locale/locale-archive|etc/(passwd|group|shadow|gshadow)-"
)
"""Caches, logs, package managers' own books (in the order of their runs), compiled Python (it carries times),
backups of account files.
"""


@pytest.fixture
def project(tmp_path: Path, runner: InvokeRunner) -> Project:
    """The shipped manifest with two provisioners, and those image tests that need no hub."""
    folder = tmp_path / "project"
    shutil.copytree(REPO / "provisioners", folder / "provisioners")
    shutil.copytree(REPO / "tests/cloud/tiny/provisioners/failing", folder / "provisioners/failing")
    (folder / "tests/image").mkdir(parents=True)
    for path in (REPO / "tests/image").glob("*.py"):
        if not path.name.startswith("test_") or path.stem in ("test_base", "test_sealed"):
            shutil.copy(path, folder / "tests/image")
    shutil.copy(REPO / "manifest.yaml", folder / "manifest.yaml")
    return Project(folder, runner)


def build(project: Project, provisioners: str, *options: str) -> Done:
    chosen = (*project.options, "--set", f"provisioners=[{provisioners}]", *options)
    return project.runner.invoke("build-ami", *chosen, timeout_s=BUILD_S)


def disk_of(runner: InvokeRunner, image_id: str) -> Path:
    """The disk of an image: a volume made of its snapshot stands on it."""
    ec2 = runner.client("ec2")
    snapshot = ec2.describe_images(ImageIds=[image_id])["Images"][0]["BlockDeviceMappings"][0]["Ebs"][
        "SnapshotId"
    ]
    volume = ec2.create_volume(SnapshotId=snapshot, AvailabilityZone="us-east-1a")["VolumeId"]
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume])
    return next((runner.state / "cloud" / "layers").glob(f"{volume}*.qcow2"))


def test_a_layered_and_a_cold_build_are_the_same(project: Project) -> None:
    broken = build(project, "base, failing")
    assert broken.status == 1  # its layer after base stays
    layered = build(project, "base, logging")
    assert layered.status == 0, layered.err
    cold = build(project, "base, logging", "--no-cache")
    assert cold.status == 0, cold.err
    records = [project.runner.record(done.last) for done in (layered, cold)]
    assert [record["layer"] and record["layer"]["depth"] for record in records] == [1, None]
    assert records[0]["packages"] == records[1]["packages"]
    one, other = (tree(disk_of(project.runner, done.last)) for done in (layered, cold))
    different = [path for path in sorted(one.keys() | other.keys()) if one.get(path) != other.get(path)]
    assert [path for path in different if not MAY_DIFFER.fullmatch(path)] == []
