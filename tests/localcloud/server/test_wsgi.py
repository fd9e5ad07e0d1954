"""The HTTP side: failures have the shape their service's clients understand, and never a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from werkzeug.test import Client

from localcloud.ec2.host import Host
from localcloud.ec2.install import install
from localcloud.server.wsgi import CloudApp


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    host.open()
    install(host)
    yield host
    host.close()


@pytest.fixture
def client(host: Host) -> Client:
    return Client(CloudApp(host, lambda: {"pid": 1, "folder": "x"}))


def signed(service: str) -> dict[str, str]:
    scope = (
        f"AWS4-HMAC-SHA256 Credential=test/20261123/us-east-1/{service}/aws4_request, SignedHeaders=host, "
        "Signature=0"
    )
    return {"Authorization": scope}


def call(client: Client, service: str, **form: str) -> Any:
    return client.post("/", data=form, headers=signed(service))


def code(text: str) -> str | None:
    return ElementTree.fromstring(text).findtext(".//Code")


def test_it_says_who_it_is(client: Client) -> None:
    assert client.get("/hubsmith").json == {"pid": 1, "folder": "x"}


def test_a_bug_is_an_internal_error_in_ec2s_shape_and_is_logged(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError("expected by the test")

    monkeypatch.setattr("localcloud.ec2.responses.LocalResponse.describe_instances", fail)
    response = call(client, "ec2", Action="DescribeInstances", Version="2016-11-15")
    assert response.status_code == 500
    assert code(response.text) == "InternalError"
    assert "Traceback" not in response.text
    assert "<html" not in response.text
    assert "ZeroDivisionError: expected by the test" in caplog.text


@pytest.mark.parametrize("service", ["dynamodb", "lambda", "sqs"])
def test_a_service_the_cloud_has_not_is_refused_without_loading_it(client: Client, service: str) -> None:
    response = call(client, service, Action="ListBuckets")
    assert (response.status_code, code(response.text)) == (400, "UnsupportedOperation")


def test_an_unsigned_request_is_refused(client: Client) -> None:
    """A web page could send one to this port, but cannot sign it."""
    response = client.post("/", data={"Action": "DescribeInstances"})
    assert (response.status_code, code(response.text)) == (400, "UnsupportedOperation")


def test_a_json_service_gets_json(client: Client) -> None:
    headers = {
        **signed("dynamodb"),
        "X-Amz-Target": "DynamoDB_20120810.ListTables",
        "Content-Type": "application/x-amz-json-1.1",
    }
    response = client.post("/", data="{}", headers=headers)
    assert response.json is not None
    assert response.json["__type"] == "UnsupportedOperation"


def test_what_changes_something_is_kept_before_it_is_answered_and_what_reads_is_not(
    host: Host, client: Client
) -> None:
    saved: list[int] = []
    host.save = lambda: saved.append(1)
    call(client, "ec2", Action="DescribeVpcs", Version="2016-11-15")
    assert saved == []
    call(client, "ec2", Action="CreateVpc", CidrBlock="10.9.0.0/16", Version="2016-11-15")
    assert saved == [1]
