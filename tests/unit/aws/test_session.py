"""Whose endpoint the clients call, and when their credentials end."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import boto3
import pytest

from build.aws import session

END = datetime(2099, 1, 1, 12, tzinfo=timezone.utc)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Keys in the environment, and nothing of this machine's own files."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_CREDENTIAL_EXPIRATION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path


def clients(region: str) -> list[Any]:
    made = boto3.Session(region_name=region)
    return [made.client(service) for service in ("ec2", "ssm", "route53", "iam")]


@pytest.mark.parametrize(
    "region", ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1", "eusc-de-east-1"]
)
def test_every_part_of_aws_is_aws(region: str) -> None:
    assert session.elsewhere(*clients(region)) is None


@pytest.mark.parametrize("name", ["AWS_USE_DUALSTACK_ENDPOINT", "AWS_USE_FIPS_ENDPOINT"])
def test_other_endpoints_of_aws_are_aws(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "true")
    assert session.elsewhere(*clients("us-east-1")[:2]) is None


def test_an_endpoint_of_ones_own_vpc_is_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", "https://vpce-1-x.ec2.us-east-1.vpce.amazonaws.com")
    assert session.elsewhere(*clients("us-east-1")) is None


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SSM"])
def test_an_endpoint_of_the_environment_is_not(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:5077")
    assert session.elsewhere(*clients("eu-central-1")) == "http://127.0.0.1:5077"


def test_an_endpoint_of_a_profile_is_not(environment: Path) -> None:
    (environment / "config").write_text("[default]\nendpoint_url = http://localhost:4566\n")
    assert session.elsewhere(*clients("us-east-1")) == "http://localhost:4566"


def test_credentials_of_the_environment_may_say_when_they_end(monkeypatch: pytest.MonkeyPatch) -> None:
    assert session._credentials_end(boto3.Session()) is None
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", END.isoformat())
    assert session._credentials_end(boto3.Session()) == END


def test_what_botocore_renews_has_no_end(environment: Path) -> None:
    """A program gives new ones when the old ones end."""
    later = datetime.now(timezone.utc) + timedelta(hours=1)
    answer = (
        '{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", "SessionToken": "c", '
        f'"Expiration": "{later.isoformat()}"}}'
    )
    program = environment / "program"
    program.write_text(f"#!/bin/sh\necho '{answer}'\n")
    program.chmod(0o755)
    (environment / "config").write_text(f"[profile other]\ncredential_process = {program}\n")
    made = boto3.Session(profile_name="other")
    assert getattr(made.get_credentials(), "method", None) == "custom-process"
    assert session._credentials_end(made) is None
