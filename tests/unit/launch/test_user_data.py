"""What the instance is told: the contract with the image (provisioners/boot)."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
import yaml

from build.aws.session import Cloud, GuestView
from build.errors import UserError
from build.hubs import operator_key
from build.hubs.hub import Hub
from build.launch.options import STAGING_DIRECTORY, CliOptions, LaunchOptions, resolve_options
from build.launch.user_data import check_size, digest, launch_data, render
from build.manifest import load

HUB, AWS = Hub("hub.example.org"), Cloud("aws", "eu-west-1")
LOCAL = Cloud(
    "local",
    "us-east-1",
    guest=GuestView(
        "http://169.254.0.1:5077", "https://169.254.0.1:14000/dir", "-----BEGIN CERTIFICATE-----"
    ),
)
VOLUME = "vol-0123456789abcdef0"


@pytest.fixture
def wished() -> LaunchOptions:
    return resolve_options(
        load(Path(__file__).parents[3] / "manifest.yaml"),
        CliOptions(email="you@your-university.edu", admin="alice"),
    )


def test_on_aws_nothing_is_said_that_everybody_knows(wished: LaunchOptions) -> None:
    assert launch_data(HUB, wished, AWS, VOLUME) == {
        "schema": 1,
        "domain": "hub.example.org",
        "email": "you@your-university.edu",
        "admin": "alice",
        "region": "eu-west-1",
        "ssm_prefix": "/hubsmith/hubs/hub.example.org",
        "volume_id": VOLUME,
    }


def test_another_cloud_says_where_its_services_are(wished: LaunchOptions) -> None:
    told = launch_data(HUB, wished, LOCAL, VOLUME)
    assert told["aws_endpoint_url"] == "http://169.254.0.1:5077"
    assert told["acme_directory"] == "https://169.254.0.1:14000/dir"
    assert str(told["acme_ca"]).startswith("-----BEGIN")


def test_staging_is_another_directory_on_aws() -> None:
    manifest = load(Path(__file__).parents[3] / "manifest.yaml")
    for options in (
        CliOptions(email="you@your-university.edu", staging=True),
        CliOptions(email="you@your-university.edu", rehearse=True),
    ):
        wished = resolve_options(manifest, options)
        assert launch_data(HUB, wished, AWS, VOLUME)["acme_directory"] == STAGING_DIRECTORY
        assert launch_data(HUB, wished, LOCAL, VOLUME)["acme_directory"] != STAGING_DIRECTORY


def test_cloud_init_writes_the_two_files(wished: LaunchOptions) -> None:
    data = launch_data(HUB, wished, LOCAL, VOLUME)
    text = render(data, ["ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two"])
    assert text.startswith("#cloud-config\n")
    files = {file["path"]: file for file in yaml.safe_load(text)["write_files"]}
    assert json.loads(files["/etc/hubsmith/launch.json"]["content"]) == data
    assert files["/etc/hubsmith/operator_keys"]["content"] == "ssh-ed25519 AAAA one\nssh-ed25519 BBBB two\n"
    assert {(file["owner"], file["permissions"]) for file in files.values()} == {("root:root", "0644")}


def test_the_digest_tells_launches_apart_but_not_the_cas_of_a_local_cloud(wished: LaunchOptions) -> None:
    data = launch_data(HUB, wished, LOCAL, VOLUME)
    assert digest(data) == digest({**data, "acme_ca": "another"})
    assert digest(data) == digest({**data, "first_password_hours": 5})
    assert digest(data) != digest({**data, "admin": "bob"})


def test_the_hours_of_the_first_password_are_said_where_they_are_not_the_usual() -> None:
    manifest = load(Path(__file__).parents[3] / "manifest.yaml", overrides=["launch.first_password_hours=5"])
    wished = resolve_options(manifest, CliOptions(email="you@your-university.edu"))
    assert launch_data(HUB, wished, AWS, VOLUME)["first_password_hours"] == 5


def test_subdomains_are_said_where_they_are_on() -> None:
    manifest = load(Path(__file__).parents[3] / "manifest.yaml", overrides=["hub.subdomains=true"])
    wished = resolve_options(manifest, CliOptions(email="you@your-university.edu"))
    data = launch_data(HUB, wished, AWS, VOLUME)
    assert data["subdomains"] is True
    assert digest(data) != digest({key: value for key, value in data.items() if key != "subdomains"})


def rsa_4096(number: int) -> str:
    """As long as a public key of 4096 bits is."""
    name = b"ssh-rsa"
    return base64.b64encode(len(name).to_bytes(4, "big") + name + bytes(525) + bytes([number])).decode()


@pytest.mark.parametrize(("count", "fits"), [(10, True), (11, False)])
def test_more_keys_than_user_data_takes_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, fits: bool
) -> None:
    monkeypatch.setenv("HUBSMITH_STATE", str(tmp_path))
    operator_key.ensure_key(HUB, "")
    keys = [f"ssh-rsa {rsa_4096(number)} key{number}" for number in range(count)]
    manifest = load(
        Path(__file__).parents[3] / "manifest.yaml", overrides=[f"launch.operator_keys={json.dumps(keys)}"]
    )
    wished = resolve_options(manifest, CliOptions(email="you@your-university.edu"))
    if fits:
        check_size(HUB, wished, AWS)
        return
    with pytest.raises(
        UserError, match=r"launch\.operator_keys: 12 keys make \d+ bytes of user data; EC2 takes 16384"
    ):
        check_size(HUB, wished, AWS)
