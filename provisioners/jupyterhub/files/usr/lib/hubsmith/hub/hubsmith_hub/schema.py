"""Whether this image's JupyterHub knows the schema of the database that it is about to open.

JupyterHub upgrades a schema and cannot downgrade one. On a newer one it ends with "Can't locate revision",
after it has made one more copy of the database at each try (jupyterhub.dbutil.upgrade_if_needed, alembic).
"""

from __future__ import annotations

import importlib.util
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from hubsmith_hub import site_settings

DATABASE = Path("/srv/jupyterhub/jupyterhub.sqlite")

_REVISION = re.compile(r"^revision\s*=\s*['\"](\w+)['\"]", re.MULTILINE)


def check() -> None:
    """End the process as a setting that cannot be taken does, where the database is of a newer JupyterHub.

    `status` shows the words, and the hub is not started again until somebody mends it.
    """
    known = revisions_of_jupyterhub()
    newer = revisions_in(DATABASE) - known
    if known and newer:
        words = f"is of a newer JupyterHub than this image's (schema {', '.join(sorted(newer))})"
        site_settings.refuse(site_settings.SettingsError(DATABASE, 0, f"{words}; {_way_back(known)}"))


def revisions_of_jupyterhub() -> set[str]:
    """Those that its migrations lead to; empty where they are not found."""
    spec = importlib.util.find_spec("jupyterhub")
    found: set[str] = set()
    for folder in (spec and spec.submodule_search_locations) or ():
        for path in Path(folder, "alembic/versions").glob("*.py"):
            found.update(_REVISION.findall(path.read_text(encoding="utf-8")))
    return found


def revisions_in(database: Path) -> set[str]:
    """What alembic has noted in it; empty for a file that is not there, not SQLite's or without a note."""
    if not database.exists():
        return set()
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True)) as connection:
            rows = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    except sqlite3.Error:
        return set()  # JupyterHub itself says what is wrong with it
    return {str(row[0]) for row in rows}


def _way_back(known: set[str]) -> str:
    """With the newest of JupyterHub's own copies that this image can read; their names end with the time."""
    copies = sorted(DATABASE.parent.glob(f"{DATABASE.name}.2*"), reverse=True)
    readable = (copy for copy in copies if (inside := revisions_in(copy)) and inside <= known)
    if copy := next(readable, None):
        return f"launch the newer image again, or put back the copy from before it was upgraded: {copy}"
    return "launch the newer image again, or restore the database from the snapshot before the replacement"
