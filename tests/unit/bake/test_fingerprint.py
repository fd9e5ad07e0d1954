"""Fingerprints change when, and only when, what an image is made of changes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from build.bake.inputs.fingerprint import chain
from build.bake.inputs.provisioner_files import files
from build.manifest import Definition, ProvisionerUse, environment
from build.manifest.yaml.frozen import freeze_map

BASE = "ami-0123456789abcdef0"


def use(folder: Path, values: dict[str, object] | None = None, **definition: object) -> ProvisionerUse:
    return ProvisionerUse(
        folder.name,
        folder,
        Definition.model_validate({"summary": "x", **definition}),
        freeze_map(values or {}),
    )


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
    """Written down once for each SCHEME: where the same input gets another number, count SCHEME up."""
    assert (
        digest(folder, {"packages": ("a", "b"), "n": 1})
        == "25f03d1c40e8021045a6bd5a23079afcf35d5d03fee4d225455691f2568240dc"
    )


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


@pytest.mark.parametrize(
    "name",
    [
        "files/etc/a.conf~",
        "files/etc/.a.conf.swp",
        "files/__pycache__/a.pyc",
        "files/etc/.#a.conf",
        "files/.DS_Store",
    ],
)
def test_leftovers_do_not_matter(folder: Path, name: str) -> None:
    first = digest(folder)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("left", encoding="utf-8")
    assert digest(folder) == first


def change_content(folder: Path) -> None:
    (folder / "files" / "etc" / "a.conf").write_text("b\n", encoding="utf-8")


def change_script(folder: Path) -> None:
    (folder / "install.sh").write_text("true # and a comment\n", encoding="utf-8")


def make_executable(folder: Path) -> None:
    (folder / "files" / "etc" / "a.conf").chmod(0o755)


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


CHANGES = [change_content, change_script, make_executable, rename, add_hidden, turn_link, link_to_file]


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_a_file_matters(folder: Path, change: object) -> None:
    first = digest(folder)
    assert callable(change)
    change(folder)
    assert digest(folder) != first


def test_what_is_not_sent_does_not_matter(folder: Path) -> None:
    first = digest(folder)
    (folder / "provisioner.yaml").write_text("summary: y\n", encoding="utf-8")
    (folder / "install.sh").chmod(0o755)  # it is run by bash
    (folder / "notes.txt").write_text("for colleagues\n", encoding="utf-8")
    assert digest(folder) == first


def test_owners_and_modes_matter(folder: Path) -> None:
    marks = [
        chain(BASE, [use(folder, files={"/etc/a.conf": given})])[0].digest
        for given in ({}, {"mode": "0600"}, {"owner": "hub"})
    ]
    assert len({digest(folder), *marks}) == 3
    assert marks[0] == digest(folder)


def test_a_template_matters_as_rendered(folder: Path) -> None:
    template = folder / "files" / "etc" / "b.conf.j2"
    template.write_text("{{ word }}\n", encoding="utf-8")
    first = digest(folder, {"word": "a"})
    assert digest(folder, {"word": "b"}) != first
    template.write_text("{# The word. #}{{ word }}\n", encoding="utf-8")
    assert digest(folder, {"word": "a"}) == first
    template.write_text("{{ word }}!\n", encoding="utf-8")
    assert digest(folder, {"word": "a"}) != first


def test_a_link_to_a_folder_is_a_link(folder: Path) -> None:
    (folder / "files" / "more").symlink_to("etc")
    assert Path("more") in set(files(folder / "files"))
    assert Path("more/a.conf") not in set(files(folder / "files"))


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
mappings = st.dictionaries(st.sampled_from(["a", "b", "long_name"]), values, max_size=4)


def backwards(value: object) -> object:
    """The same value with the keys of all mappings in the opposite order."""
    if isinstance(value, dict):
        return {key: backwards(value[key]) for key in reversed(value)}
    return [backwards(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=mappings, second=mappings)
def test_values_matter_as_the_script_reads_them(
    folder: Path, first: dict[str, object], second: dict[str, object]
) -> None:
    """1 and "1" are the same to it, the order of keys never matters."""
    reordered = backwards(first)
    assert isinstance(reordered, dict)
    assert digest(folder, first) == digest(folder, reordered)
    assert (digest(folder, first) == digest(folder, second)) == (
        environment(use(folder, first)) == environment(use(folder, second))
    )
