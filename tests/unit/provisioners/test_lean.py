"""A user's server does without the hub's database, and with it where JupyterHub needs it after all.

JupyterHub is no requirement of Hubsmith; where it is not installed these tests are skipped.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.unit.provisioners.single_user import HUBSMITH

pytest.importorskip("jupyterhub", reason="JupyterHub is not installed")
pytest.importorskip("jupyter_server", reason="jupyter-server is not installed")

LOADED = """
import os, sys
os.write(1, b"begun ")
sys.path.insert(0, {folder!r})
{first}
from hubsmith_server import lean
assert callable(lean.singleuser().main)
print(*(name for name in ("alembic", "jupyterhub.orm", "sqlalchemy") if name in sys.modules))
{then}
"""


def loaded(first: str = "", then: str = "") -> str:
    """What was loaded."""
    code = LOADED.format(folder=str(HUBSMITH / "server"), first=first, then=then)
    done = subprocess.run([sys.executable, "-s", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_no_database_is_loaded() -> None:
    assert loaded() == "begun"


def test_whoever_wants_it_later_has_it() -> None:
    later = "import sqlalchemy, jupyterhub.orm; print(bool(sqlalchemy.create_engine and jupyterhub.orm.User))"
    assert loaded(then=later) == "begun \nTrue"


def test_it_stays_where_it_is_there_already() -> None:
    assert loaded(first="import jupyterhub.orm") == "begun alembic jupyterhub.orm sqlalchemy"


def test_a_jupyterhub_that_needs_more_of_it_gets_it() -> None:
    """As if its program for servers used the database."""
    other = (
        "class Finder:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'jupyterhub.singleuser._decorator':\n"
        "            from jupyterhub.orm import User\n"
        "sys.meta_path.insert(0, Finder())"
    )
    assert loaded(first=other) == "begun begun alembic jupyterhub.orm sqlalchemy"
