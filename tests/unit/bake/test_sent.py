"""What the steps of a build send is what their recipe numbers stand for (recording.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from build.bake import scripts
from build.bake.inputs.builder_version import BUILDER_RECIPE
from build.bake.state import Bake
from build.bake.steps import provision
from build.manifest import load
from build.report.reporter import Reporter
from tests.unit.bake import recording

TINY = Path(__file__).parents[2] / "cloud/tiny/manifest.yaml"


@pytest.fixture(scope="module")
def sent() -> dict[str, str]:
    return recording.record()


@pytest.mark.parametrize("name", recording.NUMBERS)
def test_what_a_step_sends_is_what_its_recipe_number_stands_for(sent: dict[str, str], name: str) -> None:
    if words := recording.complaint(name, sent[name]):
        pytest.fail(words, pytrace=False)


def test_the_same_is_recorded_each_time(sent: dict[str, str]) -> None:
    assert recording.record() == sent


def test_every_step_until_the_image_is_looked_at(tmp_path: Path) -> None:
    """A step that comes later is put on one of the two lists."""
    nobody = recording.nobody()
    made = recording.steps(Bake(load(TINY), nobody, nobody, Reporter(quiet=True)))
    assert {type(step) for step in made} == {*recording.RECORDED, *recording.NOT_RECORDED}


@pytest.mark.parametrize(
    ("module", "attribute", "other", "name"),
    [
        (provision, "REMOTE_FOLDER", "/var/tmp/elsewhere", "provision"),
        (scripts, "LAYER", scripts.LIST_PACKAGES, "start from a layer"),
    ],
    ids=["another command", "another script"],
)
def test_another_command_asks_for_another_number(
    monkeypatch: pytest.MonkeyPatch, module: object, attribute: str, other: object, name: str
) -> None:
    monkeypatch.setattr(module, attribute, other)
    changed = recording.record()
    file = f"tests/unit/bake/sent/{name.replace(' ', '-')}.txt"
    assert recording.complaint(name, changed[name]) == (
        f"what {name!r} sends to the builder has changed: bump BUILDER_RECIPE[{name!r}] in "
        "build/bake/inputs/builder_version.py "
        f"and note why, then update {file} by .venv/bin/python -m tests.unit.bake.recording"
    )
    untouched = [known for known in recording.NUMBERS if known not in (name, "keep a layer")]
    assert [recording.complaint(known, changed[known]) for known in untouched] == [None] * len(untouched)


def test_what_is_kept_is_renewed_only_with_another_number(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(recording, "KEPT", tmp_path)
    monkeypatch.setattr(recording, "REPO", tmp_path)
    assert recording.renew() == 0
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert len(before) == len(recording.NUMBERS)
    monkeypatch.setattr(provision, "REMOTE_FOLDER", "/var/tmp/elsewhere")
    assert recording.renew() == 1
    assert "bump BUILDER_RECIPE['provision']" in capsys.readouterr().err
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before
    monkeypatch.setitem(recording.NUMBERS, "provision", BUILDER_RECIPE["provision"] + 1)
    assert recording.renew() == 0
    assert [path.name for path in tmp_path.iterdir() if path.read_text() != before[path.name]] == [
        "provision.txt"
    ]
    assert (tmp_path / "provision.txt").read_text().startswith("recipe 2\n")
