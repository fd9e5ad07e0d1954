"""Sharing asks EC2 for what the manifest says, and looks first whether the account allows it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from build.bake import launch_permissions
from build.bake.state import Bake
from build.errors import ManifestError
from build.manifest import load

SHIPPED = Path(__file__).parents[3] / "manifest.yaml"
ACCOUNT, ORGANIZATION = "210987654321", "arn:aws:organizations::123456789012:organization/o-abcdef1234"


class Ec2:
    """What it was asked, and what its account blocks."""

    def __init__(
        self,
        images: str = "unblocked",
        snapshots: str = "unblocked",
        *,
        encrypts: bool = False,
        key: str = "alias/aws/ebs",
    ) -> None:
        self.states: dict[str, Any] = {"ImageBlockPublicAccessState": images, "State": snapshots}
        self.states |= {"EbsEncryptionByDefault": encrypts, "KmsKeyId": key}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        def call(**parameters: Any) -> dict[str, Any]:
            self.asked.append((name, parameters))
            return self.states

        return call


def state(ec2: Ec2, permissions: str) -> Bake:
    chosen = load(
        SHIPPED,
        cloud="local",
        overrides=[f"publish.launch_permissions={permissions}", "builder.root_volume.encrypted=false"],
    )
    clients = SimpleNamespace(ec2=ec2, cloud=SimpleNamespace(region="us-east-1"))
    report = SimpleNamespace(note=lambda _: None)
    made = {"image_id": "ami-1", "snapshot_ids": ("snap-1", "snap-2")}
    return cast(Bake, SimpleNamespace(manifest=chosen, clients=clients, report=report, **made))


def test_a_private_image_asks_for_nothing() -> None:
    ec2 = Ec2()
    launch_permissions.check(state(ec2, "{}"))
    launch_permissions.share(state(ec2, "{}"))
    assert ec2.asked == []


def test_accounts_may_copy_and_organizations_launch_only() -> None:
    ec2 = Ec2()
    launch_permissions.share(
        state(ec2, f"{{user_ids: ['{ACCOUNT}'], organization_arns: ['{ORGANIZATION}']}}")
    )
    everyone, copiers = [{"UserId": ACCOUNT}, {"OrganizationArn": ORGANIZATION}], [{"UserId": ACCOUNT}]
    copied = {"Attribute": "createVolumePermission", "CreateVolumePermission": {"Add": copiers}}
    assert ec2.asked == [
        ("modify_image_attribute", {"ImageId": "ami-1", "LaunchPermission": {"Add": everyone}}),
        *(
            ("modify_snapshot_attribute", {"SnapshotId": snapshot, **copied})
            for snapshot in ("snap-1", "snap-2")
        ),
    ]


def test_organizations_alone_change_no_snapshot() -> None:
    ec2 = Ec2()
    launch_permissions.share(state(ec2, f"{{organization_arns: ['{ORGANIZATION}']}}"))
    assert [name for name, _ in ec2.asked] == ["modify_image_attribute"]


def test_only_a_public_image_has_to_be_allowed() -> None:
    ec2 = Ec2("block-new-sharing", "block-all-sharing")
    launch_permissions.check(state(ec2, f"{{user_ids: ['{ACCOUNT}']}}"))
    assert ec2.asked == [("get_ebs_encryption_by_default", {})]
    launch_permissions.check(state(Ec2(), "{user_groups: [all]}"))


@pytest.mark.parametrize(
    ("blocks", "says"),
    [
        (
            ("block-new-sharing", "unblocked"),
            "blocks public images in us-east-1: `aws ec2 disable-image-block-public-access --region",
        ),
        (
            ("unblocked", "block-all-sharing"),
            "blocks public snapshots in us-east-1: `aws ec2 disable-snapshot-block-public-access --region",
        ),
        (("block-new-sharing", "block-new-sharing"), "blocks public images and snapshots in us-east-1"),
    ],
)
def test_a_block_is_told_at_its_line(blocks: tuple[str, str], says: str) -> None:
    with pytest.raises(ManifestError) as caught:
        launch_permissions.check(state(Ec2(*blocks), "{user_groups: [all]}"))
    (problem,) = caught.value.problems
    assert problem.key == "publish.launch_permissions.user_groups"
    assert says in problem.message


OWN_KEY = "arn:aws:kms:us-east-1:123456789012:key/1"


@pytest.mark.parametrize(
    ("permissions", "key", "says"),
    [
        (
            "{user_groups: [all]}",
            "alias/aws/ebs",
            "EC2 makes no encrypted image public: `aws ec2 disable-ebs-",
        ),
        ("{user_groups: [all]}", OWN_KEY, "EC2 makes no encrypted image public"),
        (f"{{user_ids: ['{ACCOUNT}']}}", "alias/aws/ebs", "EC2 does not share what that has encrypted"),
        (f"{{user_ids: ['{ACCOUNT}']}}", OWN_KEY, None),
        ("{}", "alias/aws/ebs", None),
    ],
)
def test_an_account_that_encrypts_everything_is_told_of_before_the_build(
    permissions: str, key: str, says: str | None
) -> None:
    build = state(Ec2(encrypts=True, key=key), permissions)
    if says is None:
        launch_permissions.check(build)
        return
    with pytest.raises(ManifestError) as caught:
        launch_permissions.check(build)
    (problem,) = caught.value.problems
    assert problem.key == "builder.root_volume.encrypted"
    assert says in problem.message
