"""A database of a newer JupyterHub is refused in words, before JupyterHub fails at it again and again.

https://github.com/jupyterhub/jupyterhub/issues/4044
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

OLD, NEW = "4621fec11365", "ffffffffffff"
MIGRATION = '"""manage roles"""\n\n# used by Alembic.\nrevision = {revision!r}\ndown_revision = None\n'


@pytest.fixture
def schema(
    program: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """The module, with a JupyterHub whose newest schema is OLD."""
    module, site = program("hubsmith_hub.schema"), program("hubsmith_hub.site_settings")
    versions = tmp_path / "site/jupyterhub/alembic/versions"
    versions.mkdir(parents=True)
    (tmp_path / "site/jupyterhub/__init__.py").touch()
    for number, revision in enumerate(("896818069c98", OLD)):
        (versions / f"{number}.py").write_text(MIGRATION.format(revision=revision))
    monkeypatch.delitem(sys.modules, "jupyterhub", raising=False)  # one that another test put there
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setattr(module, "DATABASE", tmp_path / "jupyterhub.sqlite")
    monkeypatch.setattr(site, "PROBLEM", tmp_path / "run" / "problem.json")
    return module


def write(database: Path, revision: str) -> Path:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
        connection.commit()
    return database


def refusal(schema: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        schema.check()
    assert ended.value.code == 78  # RestartPreventExitStatus: no more copies, no more tries
    told = json.loads((tmp_path / "run" / "problem.json").read_text())
    assert (told["file"], told["line"]) == (str(schema.DATABASE), 0)
    assert capsys.readouterr().err == f"error: {told['file']}: {told['message']}\n"
    return str(told["message"])


def test_a_newer_one_is_refused_with_the_copy_from_before_it(
    schema: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(schema.DATABASE, NEW)
    write(tmp_path / "jupyterhub.sqlite.2026-01-01-000000", "896818069c98")
    copy = write(tmp_path / "jupyterhub.sqlite.2026-11-29-101500", OLD)
    write(tmp_path / "jupyterhub.sqlite.2026-11-30-000000", NEW)  # of a try of an image that could not
    said = refusal(schema, tmp_path, capsys)
    assert said.startswith(f"is of a newer JupyterHub than this image's (schema {NEW}); ")
    assert said.endswith(f"put back the copy from before it was upgraded: {copy}")


def test_without_a_copy_the_snapshot_is_named(
    schema: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(schema.DATABASE, NEW)
    (tmp_path / "jupyterhub.sqlite.2026-11-29-101500").write_bytes(b"no database")
    assert refusal(schema, tmp_path, capsys).endswith("from the snapshot before the replacement")


@pytest.mark.parametrize("revision", [OLD, "896818069c98"])
def test_its_own_and_an_older_one_are_jupyterhubs_to_open(schema: ModuleType, revision: str) -> None:
    write(schema.DATABASE, revision)
    schema.check()


@pytest.mark.parametrize("content", [None, b"", b"no database at all"])
def test_what_is_no_database_is_jupyterhubs_to_tell(schema: ModuleType, content: bytes | None) -> None:
    if content is not None:
        schema.DATABASE.write_bytes(content)
    schema.check()
    assert schema.DATABASE.exists() is (content is not None)


def test_where_no_migrations_are_found_nothing_is_refused(
    schema: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(schema.DATABASE, NEW)
    monkeypatch.setattr(schema, "revisions_of_jupyterhub", set)
    schema.check()


def test_the_configuration_asks() -> None:
    folder = Path(__file__).parents[3] / "provisioners/jupyterhub/files/etc/jupyterhub"
    assert "\nschema.check()\n" in (folder / "jupyterhub_config.py.j2").read_text()
