"""Options over the manifest's launch:."""

from __future__ import annotations

from pathlib import Path

import pytest

from build.errors import UserError
from build.launch.options import CliOptions, resolve_options
from build.manifest import Manifest, load


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
        ("t3.medium",),
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


def test_somebody_has_to_own_the_certificate() -> None:
    with pytest.raises(UserError, match="--email is required"):
        resolve_options(load(Path(__file__).parents[3] / "manifest.yaml"), CliOptions())


@pytest.mark.parametrize(
    ("overrides", "types"),
    [
        (["launch.instance_types=[m7i.large, m7a.large]"], ("m7i.large", "m7a.large")),
        (["launch.instance_types=[]"], ("t3.large",)),
        (["launch.instance_types=[]", "launch.instance_type=m7i.large"], ("m7i.large",)),
        (["launch.instance_type=m7i.large"], ("m7i.large", "t3.medium")),
        (["launch.instance_type=t3.medium"], ("t3.medium",)),
    ],
)
def test_the_one_type_of_the_manifest_goes_before_the_list(
    overrides: list[str], types: tuple[str, ...]
) -> None:
    manifest = load(
        Path(__file__).parents[3] / "manifest.yaml", overrides=[*overrides, "launch.email=a@b.org"]
    )
    assert resolve_options(manifest, CliOptions()).instance_types == types
