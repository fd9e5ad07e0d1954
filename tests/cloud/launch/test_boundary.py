"""The permissions boundary of a hub's role: given to a new role and to one that is there, and refused where
it is no policy.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cloud.hubs import Site

pytestmark = [pytest.mark.vm, pytest.mark.turn]

DOCUMENT = Path(__file__).parents[3] / "docs/reference/iam/hub-boundary.json"


@pytest.fixture
def boundary(other: Site) -> Iterator[str]:
    """As docs/howto/aws.md creates it; its role goes first, for IAM deletes no policy that is in use."""
    iam = other.runner.client("iam")
    arn = str(
        iam.create_policy(PolicyName="hubsmith-hub", PolicyDocument=DOCUMENT.read_text())["Policy"]["Arn"]
    )
    yield arn
    other.destroy()
    iam.delete_policy(PolicyArn=arn)


def role_of(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = site.runner.client("iam").get_role(RoleName=f"hubsmith-{site.domain}")["Role"]
    return found


def test_a_role_gets_the_boundary_and_keeps_it(other: Site, boundary: str) -> None:
    missing = other.launch("--set", f"launch.permissions_boundary={boundary}-of-nobody")
    assert missing.status == 2
    assert f"launch.permissions_boundary: Scope ARN: {boundary}-of-nobody does not exist" in missing.err

    other.launched("--set", f"launch.permissions_boundary={boundary}")
    assert role_of(other)["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary

    iam, name = other.runner.client("iam"), f"hubsmith-{other.domain}"
    iam.delete_role_permissions_boundary(RoleName=name)
    again = other.launched("--set", f"launch.permissions_boundary={boundary}")
    assert again["changes"] == [f"corrected the permissions boundary of {name}"]
    assert other.launched()["changes"] == []
    assert role_of(other)["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
