"""When a cached base image is used again and when it is built anew; the recipe itself is replaced by one that
writes a line.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from build.errors import MachineError, UserError
from localcloud.base_image import catalogue, renewal


def recipe(family: str, workshop: Path, _progress: renewal.Progress) -> Path:
    made = workshop / "disk.qcow2"
    made.write_text(family)
    return made


def silent(_words: str) -> None:
    pass


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HUBSMITH_CACHE", str(tmp_path))
    monkeypatch.setitem(renewal._DETAILS, "tiny", ("000000000000", "root", recipe, 2, "for tests"))
    return tmp_path


def age(image: catalogue.BaseImage, **changed: str) -> None:
    sidecar = image.path.with_suffix(".json")
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), **changed}))


def test_it_is_built_once() -> None:
    first = renewal.ensure("tiny", progress=silent)
    assert first.path.read_text() == "tiny"
    assert renewal.ensure("tiny", progress=silent) == first


@pytest.mark.parametrize(
    "changed", [{"created": "2020-01-01T00:00:00+00:00"}, {"recipe": "of another version"}]
)
def test_one_that_is_too_old_or_of_another_recipe_is_built_anew(changed: dict[str, str]) -> None:
    first = renewal.ensure("tiny", progress=silent)
    age(first, **changed)
    second = renewal.ensure("tiny", progress=silent)
    assert second.name != first.name
    assert first.path.exists()  # clouds may stand on it


def test_on_request_it_is_built_anew() -> None:
    first = renewal.ensure("tiny", progress=silent)
    assert renewal.ensure("tiny", rebuild=True, progress=silent).name != first.name


def test_an_old_one_that_cannot_be_renewed_is_used_with_a_word_about_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = renewal.ensure("tiny", progress=silent)
    age(first, created="2020-01-01T00:00:00+00:00")

    def fail(*_: object) -> Path:
        raise MachineError("no mirror answers")

    monkeypatch.setitem(renewal._DETAILS, "tiny", ("000000000000", "root", fail, 2, "for tests"))
    said: list[str] = []
    assert renewal.ensure("tiny", progress=said.append).name == first.name
    assert "no mirror answers" in said[-1]
    with pytest.raises(MachineError):
        renewal.ensure("tiny", rebuild=True, progress=silent)


def test_an_unknown_family_is_the_users_own() -> None:
    with pytest.raises(UserError, match="no base image family 'arch'"):
        renewal.ensure("arch", progress=silent)
