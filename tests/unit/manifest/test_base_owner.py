"""base.owner: an account publishes images in its own partition only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.manifest.conftest import Project


@pytest.mark.parametrize(
    ("region", "owner"),
    [
        ("eu-west-1", "136693071363"),
        ("cn-north-1", "837727238323"),
        ("us-gov-east-1", "513442679011"),
        ("cn-north-1", "self"),
        ("cn-north-1", "111122223333"),
    ],
)
def test_who_publishes_there_may_be_named(project: Project, region: str, owner: str) -> None:
    loaded = project.load(f"region={region}", f'base.owner="{owner}"')
    assert loaded.base.owner == owner


@pytest.mark.parametrize(
    ("region", "owner", "complaint"),
    [
        (
            "cn-north-1",
            "099720109477",
            'is Canonical\'s account in the partition aws; in aws-cn it is "837727238323"',
        ),
        (
            "us-gov-west-1",
            "136693071363",
            "is Debian's account in the partition aws; Hubsmith knows none in aws-us-gov: take ",
        ),
        (
            "us-east-1",
            "513442679011",
            'is Canonical\'s account in the partition aws-us-gov; in aws it is "099720109477"',
        ),
    ],
)
def test_who_does_not_is_refused(project: Project, region: str, owner: str, complaint: str) -> None:
    (told,) = project.problems(f"region={region}", f'base.owner="{owner}"')
    assert f"base.owner: {complaint}" in told
