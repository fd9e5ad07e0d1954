"""publish.regions: what EC2 would refuse at the end of a build is told with its line before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.manifest.conftest import Project

REGIONS = "publish.regions=[eu-west-1, ap-southeast-2]"
ALIAS = "builder.root_volume.kms_key_id=alias/images"


def test_an_image_stays_in_its_region_unless_others_are_named(project: Project) -> None:
    assert project.load().publish.regions == ()
    assert project.load(REGIONS, ALIAS).publish.regions == ("eu-west-1", "ap-southeast-2")


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [
        (
            ["publish.regions=[us-east-1]"],
            "publish.regions.0: is the region of the build: name the others only",
        ),
        (
            ["publish.regions=[eu-west-1, cn-north-1]"],
            "is in the partition aws-cn, and us-east-1 in aws: EC2 copies no image between partitions",
        ),
        (
            ["region=us-gov-west-1", "base.owner=self", "publish.regions=[us-east-1]"],
            "is in the partition aws, and us-gov-west-1 in aws-us-gov: EC2 copies no image "
            "between partitions",
        ),
        (["publish.regions=[eu-west-9]"], "publish.regions.0: eu-west-9 is not an AWS region"),
        (["publish.regions=[eu-west-1, eu-west-1]"], "publish.regions: has eu-west-1 more than once"),
        (
            [REGIONS, "builder.root_volume.kms_key_id=1234abcd-12ab-34cd-56ef-1234567890ab"],
            "builder.root_volume.kms_key_id: should be an alias (alias/NAME) when publish.regions is set",
        ),
    ],
)
def test_what_cannot_be_copied_is_told(project: Project, overrides: list[str], complaint: str) -> None:
    (told,) = project.problems(*overrides)
    assert complaint in told
