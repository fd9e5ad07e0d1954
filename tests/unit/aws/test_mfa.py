"""A profile whose role wants an MFA code: one question, whatever is made afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from build.aws import mfa, session
from build.aws.session import Cloud, connect
from build.errors import UserError
from tests.pretended_cloud import pretended_cloud

CONFIG = """\
[profile people]
region = us-east-1
endpoint_url = {url}
[profile builder]
region = us-east-1
endpoint_url = {url}
role_arn = arn:aws:iam::123456789012:role/builder
source_profile = people
{mfa}
"""
SERIAL = "arn:aws:iam::123456789012:mfa/ada"


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A cloud, and the profile `builder` with MFA."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    (tmp_path / "credentials").write_text("[people]\naws_access_key_id = a\naws_secret_access_key = b\n")
    session._shared.cache_clear()
    with pretended_cloud() as cloud:
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
        cloud.clients.iam.create_role(RoleName="builder", AssumeRolePolicyDocument=trust)
        cloud.clients.iam.put_role_policy(RoleName="builder", PolicyName="all", PolicyDocument=policy)
        has_profile(tmp_path, cloud.url, f"mfa_serial = {SERIAL}")
        monkeypatch.setenv("AWS_PROFILE", "builder")
        yield cloud.url
    session._shared.cache_clear()


def has_profile(folder: Path, url: str, more: str) -> None:
    (folder / "config").write_text(CONFIG.format(url=url, mfa=more))


def questions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What is asked on the terminal from now on."""
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return "123456"

    (tmp_path / "tty").touch()
    monkeypatch.setattr(mfa, "_TERMINAL", tmp_path / "tty")
    monkeypatch.setattr("getpass.getpass", answer)
    return asked


def test_the_code_is_asked_for_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str) -> None:
    asked = questions(monkeypatch, tmp_path)
    cloud = Cloud("aws", "us-east-1")
    first, again = connect(cloud), connect(cloud)
    session.client(cloud, "sts").get_caller_identity()
    session.cloudformation("us-east-1").list_stacks()
    assert asked == [f"Enter MFA code for {SERIAL}: "]
    (kept,) = (tmp_path / ".aws/cli/cache").iterdir()
    assert kept.stat().st_mode & 0o077 == 0
    assert first.credentials_end is not None
    assert again.credentials_end == first.credentials_end.replace(microsecond=0)


def test_nobody_is_asked_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str
) -> None:
    asked = questions(monkeypatch, tmp_path)
    (tmp_path / "tty").unlink()
    with pytest.raises(UserError, match="there is no terminal"):
        connect(Cloud("aws", "us-east-1"))
    assert asked == []


def test_a_role_without_mfa_has_no_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str) -> None:
    asked = questions(monkeypatch, tmp_path)
    has_profile(tmp_path, url, "")
    assert connect(Cloud("aws", "us-east-1")).credentials_end is None
    assert asked == []
