"""Fingerprints change when, and only when, what an image is made of changes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build.bake.fingerprint import Fingerprint, chain, files
from build.manifest import Definition, ProvisionerUse
from build.manifest.frozen import freeze_map

BASE = "ami-0123456789abcdef0"


def use(folder: Path, values: dict[str, object] | None = None) -> ProvisionerUse:
    return ProvisionerUse(folder.name, folder, Definition(summary="x"), freeze_map(values or {}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "one" / "hub"
    (made / "files" / "etc").mkdir(parents=True)
    (made / "provisioner.yaml").write_text("summary: x\n", encoding="utf-8")
    (made / "install.sh").write_text("true\n", encoding="utf-8")
    (made / "files" / "etc" / "a.conf").write_text("a\n", encoding="utf-8")
    (made / "files" / "etc" / "link").symlink_to("a.conf")
    return made


def digest(folder: Path, values: dict[str, object] | None = None, base: str = BASE) -> str:
    return chain(base, [use(folder, values)])[0].digest


def test_it_is_a_sha256_the_same_on_every_machine(folder: Path) -> None:
    """Written down once: a changed number here means that every image ever built looks stale."""
    assert digest(folder, {"packages": ("a", "b"), "n": 1}) == "238d4b07b5c99f7d5caffd10011af2122ec635b0cd05d904db36e5bc7d649e8a"


def test_neither_place_nor_time_nor_permissions_beyond_execution_matter(folder: Path, tmp_path: Path) -> None:
    first = digest(folder)
    elsewhere = tmp_path / "two" / "hub"
    shutil.copytree(folder, elsewhere, symlinks=True)
    for path in elsewhere.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (1, 1))
    (elsewhere / "install.sh").chmod(0o640)
    (elsewhere / "files" / "empty").mkdir()
    assert digest(elsewhere) == first


@pytest.mark.parametrize("name", ["install.sh~", ".install.sh.swp", "files/__pycache__/a.pyc", "files/etc/.#a.conf", "files/.DS_Store"])
def test_leftovers_do_not_matter(folder: Path, name: str) -> None:
    first = digest(folder)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("left", encoding="utf-8")
    assert digest(folder) == first


def change_content(folder: Path) -> None:
    (folder / "files" / "etc" / "a.conf").write_text("b\n", encoding="utf-8")


def change_definition(folder: Path) -> None:
    (folder / "provisioner.yaml").write_text("summary: y\n", encoding="utf-8")


def make_executable(folder: Path) -> None:
    (folder / "install.sh").chmod(0o755)


def rename(folder: Path) -> None:
    (folder / "files" / "etc" / "a.conf").rename(folder / "files" / "etc" / "b.conf")


def add_hidden(folder: Path) -> None:
    (folder / "files" / "etc" / ".bashrc").write_text("", encoding="utf-8")


def turn_link(folder: Path) -> None:
    (folder / "files" / "etc" / "link").unlink()
    (folder / "files" / "etc" / "link").symlink_to("b.conf")


def link_to_file(folder: Path) -> None:
    (folder / "files" / "etc" / "link").unlink()
    (folder / "files" / "etc" / "link").write_text("a\n", encoding="utf-8")


CHANGES = [change_content, change_definition, make_executable, rename, add_hidden, turn_link, link_to_file]


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_a_file_matters(folder: Path, change: object) -> None:
    first = digest(folder)
    assert callable(change)
    change(folder)
    assert digest(folder) != first


def test_a_link_to_a_folder_is_a_link(folder: Path) -> None:
    (folder / "files" / "more").symlink_to("etc")
    assert Path("files/more") in set(files(folder))
    assert Path("files/more/a.conf") not in set(files(folder))


def test_the_base_image_matters(folder: Path) -> None:
    assert digest(folder, base="ami-1") != digest(folder, base="ami-2")


def test_each_depends_on_all_before_it_and_on_none_after(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "one" / "other"
    shutil.copytree(folder, other, symlinks=True)
    first, second = chain(BASE, [use(folder), use(other)])
    assert chain(BASE, [use(folder)]) == (first,)
    changed = chain(BASE, [use(folder, {"a": 1}), use(other)])
    assert changed[0].digest != first.digest
    assert changed[1].digest != second.digest
    assert changed[1].content == second.content, "its own part is the same"
    assert [mark.provisioner for mark in changed] == ["hub", "other"]


def test_no_provisioners_no_fingerprints() -> None:
    assert chain(BASE, []) == ()


words = st.text(max_size=5)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
mappings = st.dictionaries(words, values, max_size=4)


def backwards(value: object) -> object:
    """The same value with the keys of all mappings in the opposite order."""
    if isinstance(value, dict):
        return {key: backwards(value[key]) for key in reversed(value)}
    return [backwards(item) for item in value] if isinstance(value, list) else value


def of_values(made: dict[str, object], folder: Path) -> tuple[Fingerprint, ...]:
    return chain(BASE, [use(folder, made)])


def same(first: object, second: object) -> bool:
    """Equal, and of the same types: 1, 1.0 and true are three values to a script."""
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(same, first, second))
    return type(first) is type(second) and repr(first) == repr(second)


@settings(max_examples=100, deadline=None)
@given(first=mappings, second=mappings)
def test_values_matter_and_the_order_of_their_keys_does_not(first: dict[str, object], second: dict[str, object]) -> None:
    nowhere = Path(__file__).parent / "absent"
    reordered = backwards(first)
    assert isinstance(reordered, dict)
    assert of_values(first, nowhere) == of_values(reordered, nowhere)
    assert (of_values(first, nowhere) == of_values(second, nowhere)) == same(first, second)
