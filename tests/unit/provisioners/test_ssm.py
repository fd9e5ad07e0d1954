"""The program that reaches SSM from a machine, against the local cloud's SSM."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError

from localcloud.moto_patches import ssm
from tests.pretended_cloud import PretendedCloud, pretended_cloud

PROGRAM = (
    Path(__file__).parents[3] / "provisioners/base/files/usr/lib/hubsmith/lib/hubsmith_machine" / "ssm.py"
)
PREFIX = "/hubsmith/hubs/hub.example.test"


@pytest.fixture(scope="module")
def cloud() -> Iterator[PretendedCloud]:
    ssm.install()
    with pretended_cloud() as cloud:
        yield cloud


def asked(cloud: PretendedCloud, *requests: dict[str, str]) -> tuple[list[Any], str]:
    """The program's answers, and what it told on standard error."""
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    done = subprocess.run(
        [sys.executable, "-I", str(PROGRAM), "us-east-1", PREFIX],
        input="".join(json.dumps(request) + "\n" for request in requests),
        env={"PATH": os.environ["PATH"], "AWS_ENDPOINT_URL": cloud.url, **keys},
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_what_is_put_is_got_until_it_is_deleted(cloud: PretendedCloud) -> None:
    answers, told = asked(
        cloud,
        {"put": "status", "value": "early"},
        {"put": "status", "value": "later"},
        {"get": "status"},
        {"delete": "status"},
        {"delete": "status"},  # there is none any more, as was asked for
        {"get": "status"},
    )
    assert answers[:3] == [
        {"get": "status", "value": "later"},
        {"delete": "status", "value": ""},
        {"delete": "status", "value": ""},
    ]
    assert answers[3]["get"] == "status"
    assert f"SSM parameter {PREFIX}/status" in answers[3]["problem"]
    assert "ParameterNotFound" in answers[3]["problem"]
    assert told == ""


def test_a_put_that_is_refused_is_told_and_the_next_request_answered(cloud: PretendedCloud) -> None:
    answers, told = asked(
        cloud,
        {"put": "no good name", "value": "x"},
        {"put": "status", "value": "good"},
        {"get": "status"},
    )
    assert answers == [{"get": "status", "value": "good"}]
    assert f"SSM parameter {PREFIX}/no good name was not written: " in told


class Client:
    """SSM before the instance's role has credentials, for as many calls; then with them."""

    made = 0
    failures = 0

    def __init__(self) -> None:
        type(self).made += 1
        self.has_credentials = type(self).failures == 0

    def put_parameter(self, **_: str) -> None:
        if not self.has_credentials:  # a session that has found none does not look again
            type(self).failures -= 1
            raise NoCredentialsError


@pytest.mark.parametrize("failures", [0, 2])
def test_there_is_a_client_for_all_requests_and_a_new_one_after_each_failure(
    program: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    on_the_machine = program("hubsmith_machine.ssm")
    monkeypatch.setattr(on_the_machine, "PAUSE_S", 0)
    monkeypatch.setattr(Client, "made", 0)
    monkeypatch.setattr(Client, "failures", failures)
    monkeypatch.setattr(on_the_machine.Session, "create_client", lambda *_, **__: Client())
    reached = on_the_machine._Ssm("us-east-1", deadline=time.monotonic() + 3)
    for number in range(5):
        assert reached.ask("put", "name", str(number)) == (str(number), None)
    assert Client.made == 1 + failures
