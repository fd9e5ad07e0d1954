"""What of the documentation is made from the code is up to date, and the schema takes what Hubsmith takes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from docs.generate import PACKAGES, generated
from tests.conftest import REPO

MANIFESTS = ("manifest.yaml", "tests/cloud/tiny/manifest.yaml")


@pytest.fixture(scope="module")
def schema() -> Any:
    return json.loads((REPO / "manifest.schema.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "path",
    [
        "manifest.schema.json",
        "docs/reference/manifest.md",
        "docs/reference/command-line.md",
        "docs/explanation/rooms.md",
    ],
)
def test_it_is_up_to_date(path: str) -> None:
    assert (REPO / path).read_text(encoding="utf-8") == generated()[Path(path)], "run `make reference`"


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests_fit_the_schema(name: str, schema: Any) -> None:
    jsonschema.validate(yaml.safe_load((REPO / name).read_text(encoding="utf-8")), schema)


@pytest.mark.parametrize(
    "change",
    [{"imag": {}}, {"cloud": "azure"}, {"tests": {"machines": "many"}}, {"hub": {"cpu_limt": "10%"}}],
)
def test_a_mistake_does_not(change: dict[str, Any], schema: Any) -> None:
    manifest = yaml.safe_load((REPO / "manifest.yaml").read_text(encoding="utf-8"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(manifest | change, schema)


def test_editors_find_it() -> None:
    assert (
        (REPO / "manifest.yaml")
        .read_text(encoding="utf-8")
        .startswith("# yaml-language-server: $schema=manifest.schema.json\n")
    )


def test_the_map_has_every_module_with_what_it_says_of_itself() -> None:
    text = (REPO / "docs/explanation/rooms.md").read_text(encoding="utf-8")
    modules = [
        path for package in PACKAGES for path in (REPO / package).rglob("*.py") if path.name != "__init__.py"
    ]
    assert len(modules) > 250
    assert len(re.findall(r"^\| `\w+\.py` \| \S", text, re.MULTILINE)) == len(modules)
