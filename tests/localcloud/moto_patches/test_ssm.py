"""The names and values that SSM takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.ssm.models import ssm_backends
from werkzeug.test import Client

from localcloud.ec2.host import Host
from localcloud.ec2.install import install
from localcloud.moto_patches import ssm
from localcloud.server.wsgi import CloudApp

SCOPE = "Credential=test/20261123/us-east-1/ssm/aws4_request"
HEADERS = {"Authorization": f"AWS4-HMAC-SHA256 {SCOPE}, SignedHeaders=host, Signature=0"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    host = Host(tmp_path)
    host.open()
    install(host)
    ssm.install()
    yield Client(CloudApp(host, lambda: {"pid": 1}))
    host.close()
    for account in ssm_backends.values():
        account.clear()


def put(client: Client, value: str, **more: Any) -> tuple[int, dict[str, Any]]:
    body = {"Name": "/a/b", "Type": "String", "Overwrite": True, "Value": value, **more}
    headers = {**HEADERS, "X-Amz-Target": "AmazonSSM.PutParameter"}
    response = client.post("/", data=json.dumps(body), headers=headers)
    return response.status_code, json.loads(response.text)


def refused(client: Client, value: str, **more: Any) -> str:
    status, answer = put(client, value, **more)
    assert (status, answer["__type"].rpartition("#")[2]) == (400, "ValidationException")
    return str(answer["Message"])


@pytest.mark.parametrize("name", ["/a b/c", "/a/b@c", "/ä", "/a//b", "/a/", "", " /a"])
def test_a_name_of_other_letters_is_refused(client: Client, name: str) -> None:
    assert "a mix of letters, numbers and the following 3 symbols .-_" in refused(client, "x", Name=name)


@pytest.mark.parametrize(
    ("name", "code"), [("/a b", "ValidationException"), ("/a/b:1", None), ("/a/c", "ParameterNotFound")]
)
def test_such_a_name_cannot_be_asked_for_either(client: Client, name: str, code: str | None) -> None:
    put(client, "x")
    headers = {**HEADERS, "X-Amz-Target": "AmazonSSM.GetParameter"}
    answer = json.loads(client.post("/", data=json.dumps({"Name": name}), headers=headers).text)
    assert answer.get("__type", "").rpartition("#")[2] == (code or "")


def test_a_path_begins_with_a_slash(client: Client) -> None:
    assert refused(client, "x", Name="a/b") == "Parameter name must be a fully qualified name."
    assert put(client, "x", Name="a")[0] == 200
    assert put(client, "x", Name="/A/b-1_2/c.d")[0] == 200


def test_a_value_of_the_standard_tier_has_4_kb(client: Client) -> None:
    assert put(client, "x" * 4096)[0] == 200
    assert refused(client, "x" * 4097).startswith(
        "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger"
    )
    assert refused(client, "ä" * 2049)


def test_a_value_of_the_advanced_tier_has_8_kb(client: Client) -> None:
    status, answer = put(client, "x" * 8192, Tier="Advanced")
    assert (status, answer["Tier"]) == (200, "Advanced")
    assert put(client, "y" * 8192)[0] == 200  # the parameter is of that tier now
    assert "maximum parameter value of 8192 characters" in refused(client, "x" * 8193, Tier="Advanced")
    assert "8192" in refused(client, "x" * 8193, Tier="Intelligent-Tiering")
    assert put(client, "x" * 5000, Name="/c", Tier="Intelligent-Tiering")[0] == 200


@pytest.mark.parametrize("value", ["{{ssm:other}}", "a\n{{\n}}", "{{}}"])
def test_a_value_that_refers_to_another_is_refused(client: Client, value: str) -> None:
    assert refused(client, value) == (
        'Parameter value can\'t nest another parameter. Do not use "{{}}" in the value.'
    )


def test_braces_that_refer_to_nothing_are_taken(client: Client) -> None:
    assert put(client, '{"a": {"b": 1}} {{')[0] == 200
