"""Options over the manifest's launch:."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from build.errors import UserError
from build.launch.options import EXAMPLE_EMAIL, CliOptions, check_email, resolve_options
from build.manifest import Manifest, load
from build.manifest.checks.email import lets_encrypt_problem
from tests.conftest import REPO


@pytest.fixture
def manifest() -> Manifest:
    return load(
        Path(__file__).parents[3] / "manifest.yaml",
        overrides=["launch.email=default@example.org", "launch.data_volume.size_gib=7"],
    )


def test_where_nothing_is_said_the_manifest_decides(manifest: Manifest) -> None:
    wished = resolve_options(manifest, CliOptions())
    assert (wished.email, wished.admin, wished.instance_types) == (
        "default@example.org",
        "hubadmin",
        ("m7a.medium", "t3.medium"),
    )
    assert (wished.new_volume_gib, wished.data_size_gib) == (7, None)
    assert wished.dns
    assert wished.wait


def test_an_option_goes_before_the_manifest(manifest: Manifest) -> None:
    wished = resolve_options(
        manifest, CliOptions(email="ops@example.org", admin="alice", instance_type="m7i.large", data_size=9)
    )
    assert (wished.email, wished.admin, wished.instance_types, wished.new_volume_gib) == (
        "ops@example.org",
        "alice",
        ("m7i.large",),
        9,
    )


def test_a_rehearsal_leaves_dns_alone_and_uses_staging(manifest: Manifest) -> None:
    wished = resolve_options(manifest, CliOptions(rehearse=True))
    assert (wished.dns, wished.staging) == (False, True)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (CliOptions(email="ops"), "--email ops: should be an address"),
        (CliOptions(admin="Alice"), "--admin Alice: should be a Unix user name"),
        (CliOptions(admin="root"), "--admin root is an account of the base image"),
        (CliOptions(admin="admin"), "--admin admin is an account of the base image"),
        (CliOptions(instance_type="large"), "--instance-type large: should be an EC2 instance type"),
        (CliOptions(subnet="subnet-1"), "--subnet subnet-1: should be a subnet id"),
        (CliOptions(ami="newest"), "--ami newest: not the id of an image"),
        (CliOptions(data_size=-1), "--data-size -1"),
    ],
)
def test_a_wrong_option_is_told_by_its_name(manifest: Manifest, options: CliOptions, told: str) -> None:
    with pytest.raises(UserError, match="^" + told.replace("?", r"\?")):
        resolve_options(manifest, options)


@pytest.mark.parametrize(
    "address", ["ops@example.org", "ops@EXAMPLE.com", "a@example.net", "a@hub.test", "a@b.local"]
)
@pytest.mark.parametrize("more", [{}, {"staging": True}, {"rehearse": True}])
def test_an_address_that_lets_encrypt_refuses_is_refused_before_anything_is_made(
    address: str, more: dict[str, bool]
) -> None:
    """https://github.com/openwrt/luci/issues/8064"""
    aws = load(Path(__file__).parents[3] / "manifest.yaml", cloud="aws", building=False)
    wanted = resolve_options(aws, CliOptions(email=address, **more))  # type: ignore[arg-type]  # flags
    with pytest.raises(UserError, match=f"--email {address} is refused by Let's Encrypt") as caught:
        check_email(aws, wanted)
    check_email(aws, resolve_options(aws, CliOptions(email=EXAMPLE_EMAIL)))
    assert EXAMPLE_EMAIL in str(caught.value.hint)


def test_the_local_cloud_takes_any_address(manifest: Manifest) -> None:
    check_email(manifest, resolve_options(manifest, CliOptions(email="ops@hub.test")))


def test_every_example_of_an_address_works() -> None:
    pages = [
        *(REPO / "docs").rglob("*.md"),
        *REPO.glob("*.md"),
        *(REPO / "build").rglob("*.py"),
        REPO / "manifest.yaml",
    ]
    wrong = [
        f"{page.relative_to(REPO)}: {line.strip()}"
        for page in pages
        if "_build" not in page.parts
        for line in page.read_text(encoding="utf-8").splitlines()
        for address in re.findall(r"--(?:email|notify)[ =]([^\s`'\",]+@[^\s`'\",]+)", line)
        if lets_encrypt_problem(address)
    ]
    assert wrong == []
    assert lets_encrypt_problem(EXAMPLE_EMAIL) is None


def test_somebody_has_to_own_the_certificate() -> None:
    with pytest.raises(UserError, match="--email is required"):
        resolve_options(load(Path(__file__).parents[3] / "manifest.yaml"), CliOptions())


@pytest.mark.parametrize(
    ("overrides", "types"),
    [
        (["launch.instance_types=[m7i.large, m7a.large]"], ("m7i.large", "m7a.large")),
        (["launch.instance_types=[]"], ("t3.large",)),
        (["launch.instance_types=[]", "launch.instance_type=m7i.large"], ("m7i.large",)),
        (["launch.instance_type=m7i.large"], ("m7i.large", "m7a.medium", "t3.medium")),
        (["launch.instance_type=t3.medium"], ("t3.medium", "m7a.medium")),
    ],
)
def test_the_one_type_of_the_manifest_goes_before_the_list(
    overrides: list[str], types: tuple[str, ...]
) -> None:
    manifest = load(
        Path(__file__).parents[3] / "manifest.yaml", overrides=[*overrides, "launch.email=a@b.org"]
    )
    assert resolve_options(manifest, CliOptions()).instance_types == types
