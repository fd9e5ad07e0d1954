"""launch.instance_profile: an administrator has made role and profile, and a launch makes none."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from build.errors import UserError
from build.hubs.hub import Hub
from build.launch import role
from build.launch.options import CliOptions, resolve_options
from build.launch.state import LaunchState
from build.manifest import load
from build.report.reporter import Reporter
from tests.conftest import REPO
from tests.pretended_cloud import PretendedCloud, pretended_cloud

HUB = Hub("hub.example.test")


@pytest.fixture
def cloud() -> Iterator[PretendedCloud]:
    """With the profile `hubs`, whose role is `hubs`, and the profile `empty`."""
    with pretended_cloud() as cloud:
        iam = cloud.clients.iam
        iam.create_role(RoleName="hubs", AssumeRolePolicyDocument=json.dumps({"Statement": []}))
        for name in ("hubs", "empty"):
            iam.create_instance_profile(InstanceProfileName=name)
        iam.add_role_to_instance_profile(InstanceProfileName="hubs", RoleName="hubs")
        yield cloud


def launched(cloud: PretendedCloud, profile: str) -> LaunchState:
    """A launch after its step of the role."""
    manifest = load(REPO / "manifest.yaml", overrides=[f"launch.instance_profile={profile}"])
    options = resolve_options(manifest, CliOptions(email="ada@example.org"))
    state = LaunchState(HUB, options, manifest, cloud.clients, Reporter(quiet=True))
    role.EnsureRole().run(state)
    return state


def names(cloud: PretendedCloud) -> set[str]:
    """Roles and profiles that there are."""
    iam = cloud.clients.iam
    profiles = iam.list_instance_profiles()["InstanceProfiles"]
    return {one["RoleName"] for one in iam.list_roles()["Roles"]} | {
        one["InstanceProfileName"] for one in profiles
    }


def test_it_is_used_nothing_is_made_and_nothing_is_removed(cloud: PretendedCloud) -> None:
    state = launched(cloud, "hubs")
    assert (state.profile, state.changes) == ("hubs", [])
    assert not role.remove(cloud.clients, HUB)
    assert names(cloud) == {"hubs", "empty"}


@pytest.mark.parametrize(("name", "why"), [("other", "there is no such"), ("empty", "has no role")])
def test_one_that_cannot_be_used_is_refused(cloud: PretendedCloud, name: str, why: str) -> None:
    with pytest.raises(UserError, match=f"launch.instance_profile: {name}: .*{why}"):
        launched(cloud, name)


def test_an_arn_is_no_name(cloud: PretendedCloud) -> None:
    with pytest.raises(UserError, match="not its ARN"):
        launched(cloud, "arn:aws:iam::123456789012:instance-profile/hubs")
