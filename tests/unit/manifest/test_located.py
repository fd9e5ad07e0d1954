"""An error about a key that is found while it is used has the place of the key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from build.errors import HubsmithError, UserError
from build.manifest import Manifest, load
from tests.conftest import REPO

if TYPE_CHECKING:
    from pathlib import Path

TEXT = (REPO / "manifest.yaml").read_text().splitlines()


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return load(REPO / "manifest.yaml", overrides=["hub.mem_limit=2G"])


def where(manifest: Manifest, message: str, where: str | None = None) -> str | None:
    with pytest.raises(UserError) as caught, manifest.located():
        raise UserError(message, where=where)
    return caught.value.where


def test_the_line_is_that_of_the_key(manifest: Manifest) -> None:
    found = str(where(manifest, "builder.instance_types: no", str(manifest.path)))
    file, line, _ = found.rsplit(":", 2)
    assert file.endswith("manifest.yaml")
    assert "instance_types" in TEXT[int(line) - 1]


def test_a_key_that_is_absent_has_the_line_of_the_one_above(manifest: Manifest) -> None:
    line = int(str(where(manifest, "builder.nosuch.key: no")).rsplit(":", 2)[1])
    assert TEXT[line - 1].strip().startswith("builder:")


def test_an_option_has_no_line(manifest: Manifest) -> None:
    assert where(manifest, "hub.mem_limit: no") == "--set"


@pytest.mark.parametrize("message", ["no key: at all", "builder", "nosuch.key: no", "arn:aws:x: no"])
def test_what_is_about_no_key_stays_as_it_is(manifest: Manifest, message: str) -> None:
    assert where(manifest, message) is None


def test_a_place_that_is_known_stays(manifest: Manifest, tmp_path: Path) -> None:
    assert where(manifest, "builder.instance_types: no", f"{tmp_path}:3") == f"{tmp_path}:3"
    with pytest.raises(HubsmithError) as caught, manifest.located():
        raise HubsmithError("builder.instance_types: no")
    assert caught.value.where is None
