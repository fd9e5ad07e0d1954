"""What the environment of `invoke cloud.up` says, and what a cloud keeps of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from build.errors import UserError
from localcloud.server import settings
from localcloud.server.settings import ConsistencySettings


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUBSMITH_CLOUD_CONSISTENCY", raising=False)
    monkeypatch.delenv("HUBSMITH_CLOUD_SEED", raising=False)


def test_a_new_cloud_is_eventually_consistent_with_a_seed_of_its_own(tmp_path: Path) -> None:
    first, second = settings.consistency(tmp_path), settings.consistency(tmp_path)
    assert (first.mode, second.mode) == ("eventual", "eventual")
    assert first.seed != second.seed
    assert str(first) == f"eventual, seed {first.seed}"


def test_what_a_cloud_had_is_kept(tmp_path: Path) -> None:
    first = settings.consistency(tmp_path)
    settings.keep_consistency(tmp_path, first)
    assert settings.consistency(tmp_path) == first


def test_the_environment_changes_what_was_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.keep_consistency(tmp_path, ConsistencySettings("eventual", "1"))
    monkeypatch.setenv("HUBSMITH_CLOUD_CONSISTENCY", "off")
    monkeypatch.setenv("HUBSMITH_CLOUD_SEED", "commit-3")
    assert settings.consistency(tmp_path) == ConsistencySettings("off", "commit-3")
    assert str(settings.consistency(tmp_path)) == "off"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HUBSMITH_CLOUD_CONSISTENCY", "on"),
        ("HUBSMITH_CLOUD_SEED", "a b"),
        ("HUBSMITH_CLOUD_SEED", "a\n"),
        ("HUBSMITH_CLOUD_SEED", "1" * 65),
    ],
)
def test_another_value_is_refused_with_those_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UserError, match=variable):
        settings.consistency(tmp_path)


@pytest.mark.parametrize("text", ["", "{"])
def test_a_file_that_cannot_be_read_is_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / settings.CONSISTENCY_FILE).write_text(text)
    assert settings.consistency(tmp_path).mode == "eventual"


@pytest.mark.parametrize(
    ("value", "regions"),
    [("", set()), ("af-south-1", {"af-south-1"}), ("af-south-1, eu-south-2", {"af-south-1", "eu-south-2"})],
)
def test_regions_that_are_enabled(value: str, regions: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBSMITH_CLOUD_REGIONS", value)
    assert settings.opted_in() == regions


def test_a_region_that_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBSMITH_CLOUD_REGIONS", "af-south-9")
    with pytest.raises(UserError, match="HUBSMITH_CLOUD_REGIONS: the local cloud has no region af-south-9"):
        settings.opted_in()
