"""What a hub that does not answer yet is taken for, by what its instance said last."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from build.errors import HubsmithError
from build.launch.health import _judge
from build.launch.https import Seen
from build.launch.hub import Hub

SILENT = Seen("no answer", None)


def state(said: dict[str, str] | None) -> Any:
    """A launch of i-1 whose `status` parameter holds ``said``."""

    def get_parameter(**_: str) -> dict[str, Any]:
        if said is None:
            raise ClientError({"Error": {"Code": "ParameterNotFound"}}, "GetParameter")
        return {"Parameter": {"Value": json.dumps(said)}}

    clients = SimpleNamespace(ssm=SimpleNamespace(get_parameter=get_parameter))
    ec2 = SimpleNamespace(get_console_output=lambda **_: {"Output": "its last words"})
    clients.ec2 = ec2
    return SimpleNamespace(clients=clients, hub=Hub("hub.example.org"), instance_id="i-1", zone=object())


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (None, "no answer"),
        ({}, "no answer"),
        ({"phase": "ready", "instance_id": "i-0"}, "no answer"),
        ({"phase": "ready", "instance_id": "i-1"}, "no answer"),
        ({"phase": "volume", "instance_id": "i-1", "message": "waiting for vol-1"}, "volume: waiting for vol-1"),
        ({"phase": "users", "instance_id": ""}, "users"),
    ],
)
def test_it_is_under_way(said: dict[str, str] | None, words: str) -> None:
    seen = _judge(state(said), SILENT, set())
    assert not seen.ok
    assert seen.problem == words


def test_an_instance_that_failed_twice_has_failed() -> None:
    failures: set[str] = set()
    first = {"phase": "failed", "instance_id": "i-1", "message": "no volume", "at": "1"}
    assert not _judge(state(first), SILENT, failures).ok
    assert not _judge(state(first), SILENT, failures).ok
    with pytest.raises(HubsmithError, match="no volume") as caught:
        _judge(state({**first, "at": "2"}), SILENT, failures)
    assert "its last words" in str(caught.value.hint)
