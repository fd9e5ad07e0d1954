"""launch.json as a machine reads it: wrong values are told with their key, and nothing is guessed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

RIGHT = {
    "schema": 1,
    "domain": "hub.example.test",
    "email": "you@your-university.edu",
    "admin": "alice",
    "region": "us-east-1",
    "ssm_prefix": "/hubsmith/hubs/hub.example.test",
    "volume_id": "vol-0123456789abcdef0",
}
LOCAL = {
    "acme_directory": "https://169.254.0.1:14000/dir",
    "acme_ca": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    "aws_endpoint_url": "http://169.254.0.1:5077",
}


@pytest.fixture(scope="module")
def launch(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("hubsmith_machine.launch")


def written(folder: Path, data: object) -> Path:
    path = folder / "launch.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def test_a_machine_without_it_is_a_test_boot(launch: ModuleType, tmp_path: Path) -> None:
    data = launch.read(tmp_path / "none")
    assert (data.domain, data.volume_id, data.ssm_prefix) == (None, None, None)


@pytest.mark.parametrize(
    "more",
    [
        {},
        LOCAL,
        {"volume_id": None},
        dict.fromkeys(LOCAL),
        {"first_password_hours": 5},
        {"subdomains": True},
        {"standby": True},
    ],
    ids=["aws", "local", "no volume", "nulls", "hours", "subdomains", "standby"],
)
def test_what_is_right_is_read(launch: ModuleType, tmp_path: Path, more: dict[str, Any]) -> None:
    data = launch.read(written(tmp_path, RIGHT | more))
    assert {key: getattr(data, key) for key in (RIGHT | more) if key != "schema"} == {
        k: v for k, v in (RIGHT | more).items() if k != "schema"
    }


@pytest.mark.parametrize("key", [key for key in RIGHT if key != "schema"])
def test_what_is_missing_is_named(launch: ModuleType, tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match=f"launch.json: {key} is missing"):
        launch.read(written(tmp_path, {name: value for name, value in RIGHT.items() if name != key}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("domain", "Hub.example.test"), ("domain", "hub"), ("domain", "hub..test"), ("domain", "-a.test"),
        ("domain", "a.test\n"),
        ("domain", ""),
        ("email", "ops"), ("admin", "Alice"), ("admin", "a:b"), ("admin", "a\nb"), ("admin", None),
        ("region", "us east"),
        ("ssm_prefix", "hubs/x"), ("ssm_prefix", "/hubs/"), ("volume_id", "vol-xyz"), ("volume_id", ""),
        ("volume_id", 5),
        ("acme_directory", "http://example.test/dir"), ("acme_ca", "MIIB"), ("aws_endpoint_url", "ftp://x"),
    ],
)  # fmt: skip
def test_what_is_malformed_is_named(launch: ModuleType, tmp_path: Path, key: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"launch.json: {key} should be"):
        launch.read(written(tmp_path, RIGHT | LOCAL | {key: value}))


def test_a_misspelt_key_does_not_put_the_hub_on_the_root_disk(launch: ModuleType, tmp_path: Path) -> None:
    data = {("volum_id" if key == "volume_id" else key): value for key, value in RIGHT.items()}
    with pytest.raises(ValueError, match="volum_id is not a key of schema 1; volume_id is missing"):
        launch.read(written(tmp_path, data))


@pytest.mark.parametrize("schema", [2, "1", None, True, 1.5])
def test_another_schema_is_refused(launch: ModuleType, tmp_path: Path, schema: object) -> None:
    with pytest.raises(ValueError, match=r"launch\.json: schema is .* this image knows 1"):
        launch.read(written(tmp_path, RIGHT | {"schema": schema}))


@given(st.text(max_size=60))
def test_anything_else_is_a_message_and_not_a_crash(
    launch: ModuleType, tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "anything.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"anything\.json: "):
        launch.read(path)


def test_programs_get_the_instances_role_and_nothing_else(launch: ModuleType, tmp_path: Path) -> None:
    environment = launch.read(written(tmp_path, RIGHT | LOCAL)).aws_environment()
    assert environment["AWS_ENDPOINT_URL"] == LOCAL["aws_endpoint_url"]
    assert environment["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    assert "AWS_ENDPOINT_URL" not in launch.read(written(tmp_path, RIGHT)).aws_environment()


@pytest.mark.parametrize("hours", [0, -1, 8761, 1.5, True, "72", None])
def test_hours_are_a_number_within_a_year(launch: ModuleType, tmp_path: Path, hours: object) -> None:
    assert launch.read(written(tmp_path, RIGHT)).first_password_hours == 72
    with pytest.raises(ValueError, match="first_password_hours should be a whole number from 1 to 8760"):
        launch.read(written(tmp_path, RIGHT | {"first_password_hours": hours}))


def test_with_subdomains_the_certificate_is_for_users_hosts_too(launch: ModuleType, tmp_path: Path) -> None:
    assert launch.read(written(tmp_path, RIGHT)).names == ("hub.example.test",)
    assert launch.read(written(tmp_path, {**RIGHT, "subdomains": False})).names == ("hub.example.test",)
    assert launch.read(written(tmp_path, {**RIGHT, "subdomains": True})).names == (
        "hub.example.test",
        "*.hub.example.test",
    )
    assert launch.Launch().names == ()


@pytest.mark.parametrize("wrong", ["true", 1, None])
def test_a_switch_is_on_or_off(launch: ModuleType, tmp_path: Path, wrong: object) -> None:
    with pytest.raises(ValueError, match="subdomains should be true or false, and is"):
        launch.read(written(tmp_path, {**RIGHT, "subdomains": wrong}))
