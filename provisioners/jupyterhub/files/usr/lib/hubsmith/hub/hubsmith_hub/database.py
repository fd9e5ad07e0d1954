"""The hub's database needs no inode and no room outside its own file to be written to.

SQLite makes a journal file for each transaction and removes it; with journal_mode TRUNCATE it keeps the file
(https://www.sqlite.org/pragma.html#pragma_journal_mode). The mode is the connection's: another image, which
knows nothing of it, opens the same database as usual.
"""

from __future__ import annotations

from typing import Any


def keep_journal(connection: Any, _: object = None) -> None:  # noqa: ANN401  # of Python's DB-API
    """Set it for a new connection of SQLAlchemy's; others than SQLite's are left alone."""
    if type(connection).__module__.partition(".")[0] != "sqlite3":
        return
    cursor = connection.cursor()
    try:
        cursor.execute("PRAGMA journal_mode=TRUNCATE")
        cursor.execute("PRAGMA temp_store=MEMORY")
    finally:
        cursor.close()


def configure() -> None:
    """Call it before JupyterHub opens its database."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    event.listen(Engine, "connect", keep_journal)
