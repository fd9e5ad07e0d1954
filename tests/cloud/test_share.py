"""A build whose image is for others: shared when it has passed, and refused before anything is launched where
that cannot be.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cloud.invoke_runner import InvokeRunner
from tests.cloud.project import Project

pytestmark = [pytest.mark.vm, pytest.mark.turn]
ACCOUNT = "210987654321"
SHARED = f"publish: {{launch_permissions: {{user_groups: [all], user_ids: ['{ACCOUNT}']}}, "
BOTH = [{"Group": "all"}, {"UserId": ACCOUNT}]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, runner: InvokeRunner) -> Project:
    made = Project.copy(tmp_path_factory.mktemp("share") / "project", runner, "for-all")
    made.edit("manifest.yaml", "publish: {", SHARED)
    made.edit("manifest.yaml", "root_volume: {size_gib: 1}", "root_volume: {size_gib: 1, encrypted: false}")
    return made


@pytest.fixture(scope="module")
def image(project: Project) -> Iterator[str]:
    done = project.invoke("build-ami")
    assert done.status == 0, done.err
    assert f"shared with everybody, {ACCOUNT}" in done.err
    yield done.last
    project.runner.client("ec2").deregister_image(ImageId=done.last, DeleteAssociatedSnapshots=True)


def test_others_may_launch_and_copy_it(runner: InvokeRunner, image: str) -> None:
    ec2 = runner.client("ec2")
    found = ec2.describe_images(ImageIds=[image])["Images"][0]
    assert found["Public"] is True
    assert (
        sorted(
            ec2.describe_image_attribute(ImageId=image, Attribute="launchPermission")["LaunchPermissions"],
            key=str,
        )
        == BOTH
    )
    for mapping in found["BlockDeviceMappings"]:
        asked = {"SnapshotId": mapping["Ebs"]["SnapshotId"], "Attribute": "createVolumePermission"}
        assert sorted(ec2.describe_snapshot_attribute(**asked)["CreateVolumePermissions"], key=str) == BOTH


def test_plan_and_record_know_it(project: Project, runner: InvokeRunner, image: str) -> None:
    assert project.json("plan")["publish"][0] == f"let everybody, {ACCOUNT} launch the image"
    assert runner.record(image)["launch_permissions"]["user_ids"] == [ACCOUNT]


@pytest.mark.parametrize("kind", ["image", "snapshot"])
def test_an_account_that_blocks_public_images_is_told_of_first(
    project: Project, runner: InvokeRunner, kind: str
) -> None:
    ec2, before = runner.client("ec2"), runner.listing()
    if kind == "image":
        ec2.enable_image_block_public_access(ImageBlockPublicAccessState="block-new-sharing")
    else:
        ec2.enable_snapshot_block_public_access(State="block-new-sharing")
    try:
        done = project.invoke("build-ami")
    finally:
        ec2.disable_image_block_public_access()
        ec2.disable_snapshot_block_public_access()
    said = " ".join(done.err.split())
    assert done.status == 2, said
    assert "publish.launch_permissions.user_groups: the account blocks public" in said
    assert f"`aws ec2 disable-{kind}-block-public-access --region us-east-1`" in said
    assert "security group" not in said
    assert runner.listing() == before


def test_an_account_that_encrypts_everything_is_told_of_first(project: Project, runner: InvokeRunner) -> None:
    ec2, before = runner.client("ec2"), runner.listing()
    ec2.enable_ebs_encryption_by_default()
    try:
        done = project.invoke("build-ami")
    finally:
        ec2.disable_ebs_encryption_by_default()
    said = " ".join(done.err.split())
    assert done.status == 2, said
    assert "builder.root_volume.encrypted: the account encrypts every new volume in us-east-1" in said
    assert "security group" not in said
    assert runner.listing() == before


def test_check_refuses_what_ec2_would_refuse_after_the_build(project: Project) -> None:
    done = project.invoke("check", "--set", "builder.root_volume.encrypted=true")
    assert done.status == 2
    assert "EC2 makes no encrypted image public" in " ".join(done.err.split())
