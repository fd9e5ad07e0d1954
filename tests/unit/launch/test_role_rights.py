"""With docs/reference/iam/launch.json a hub's role can be made and removed, also what is not there yet.

IAM judges a call by the ARN of what it names, with its path. What does not exist has no path: GetRole of a
role that is still to be made is judged as role/NAME.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from build.aws.session import Cloud
from build.hubs.hub import Hub
from build.hubs.models import Zone
from build.launch import role
from localcloud.iam import entities, implied_calls, request_context
from localcloud.iam.policy import JudgedCall, decide
from tests.unit.docs.policies import document

ACCOUNT = "123456789012"
HUB = Hub("hub.example.org")
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/hubsmith-hub"


@pytest.fixture
def iam(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client whose calls are judged by the policy before they are made."""
    moto = pytest.importorskip("moto")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    mocked = moto.mock_aws()
    mocked.start(reset=False)  # resetting needs moto as it was before the local cloud
    try:
        client = boto3.Session(region_name="us-east-1").client("iam")
        client.meta.events.register("before-parameter-build.iam", _judge)
        yield client
    finally:
        mocked.stop(remove_data=False)


def _judge(params: dict[str, Any], model: Any, **_: Any) -> None:
    call = request_context.call("iam", model.name, params, "us-east-1", ACCOUNT)
    asked = [
        entities.looked_up(call, "us-east-1", ACCOUNT),
        implied_calls.tagging("iam", model.name, params, call),
        *implied_calls.passed("iam", model.name, params, "us-east-1", ACCOUNT),
    ]
    for one in filter(None, asked):
        assert decide([document("launch")], one).allowed, f"{one.action} on {one.resources}"


def launch(iam: Any) -> Any:
    """The state of a launch before its role is made."""
    clients = SimpleNamespace(cloud=Cloud("aws", "eu-west-1"), account=ACCOUNT, iam=iam)
    defaults = SimpleNamespace(permissions_boundary=BOUNDARY, instance_profile=None)
    changes: list[str] = []
    return SimpleNamespace(
        hub=HUB,
        tags=HUB.tags,
        clients=clients,
        zone=Zone("Z1", "example.org"),
        options=SimpleNamespace(defaults=defaults),
        changes=changes,
        report=SimpleNamespace(waiting=lambda _: None),
        record_change=changes.append,
    )


def test_a_role_is_made_kept_and_removed_and_removed_once_more(iam: Any) -> None:
    state = launch(iam)
    assert not role.remove(state.clients, HUB)
    for _ in range(2):
        role.EnsureRole().run(state)
    assert state.changes == [f"created the role {HUB.name}"]
    assert iam.get_role(RoleName=HUB.name)["Role"]["Path"] == role.PATH
    assert role.remove(state.clients, HUB)
    assert not role.remove(state.clients, HUB)


@pytest.mark.parametrize("half", ["profile", "role", "empty profile"])
def test_what_a_removal_that_was_stopped_has_left_is_removed(iam: Any, half: str) -> None:
    state = launch(iam)
    role.EnsureRole().run(state)
    if half != "profile":
        iam.remove_role_from_instance_profile(InstanceProfileName=HUB.name, RoleName=HUB.name)
    if half == "role":
        iam.delete_instance_profile(InstanceProfileName=HUB.name)
    assert role.remove(state.clients, HUB)
    assert not role.remove(state.clients, HUB)


@pytest.mark.parametrize("action", ["DeleteRole", "PutRolePolicy", "PassRole", "CreateRole"])
def test_of_what_has_no_path_nothing_can_be_changed(action: str) -> None:
    """Such as the roles that `schedule --on aws` makes."""
    keys = {
        "iam:permissionsboundary": (BOUNDARY,),
        "iam:passedtoservice": ("ec2.amazonaws.com",),
    }
    call = JudgedCall(f"iam:{action}", (f"arn:aws:iam::{ACCOUNT}:role/hubsmith-rebuild-x",), keys)
    assert not decide([document("build"), document("launch")], call).allowed
