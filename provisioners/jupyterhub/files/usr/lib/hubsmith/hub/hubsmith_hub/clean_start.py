"""Starts that leave the user's own settings aside, for whoever is kept out by them.

The page of a server that does not run has a button (templates/not_running.html). It is JupyterHub's own form
of a start, with one field: only who may start this server can use it, and JupyterHub checks where it comes
from (_xsrf). The field counts once; JupyterHub would keep it for every later start.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyterhub.spawner import Spawner

FIELD = "hubsmith_settings"
CLEAN = "clean"


def take(spawner: Spawner) -> bool:
    """Whether this start is one of these; the next one is not."""
    options = dict(spawner.user_options or {})
    if FIELD not in options:
        return False
    wanted = options.pop(FIELD)
    options.pop("_xsrf", None)  # of the form, too
    spawner.user_options = spawner.orm_spawner.user_options = options
    spawner.user.db.commit()
    return wanted in (CLEAN, [CLEAN])


def without(query: Mapping[str, Any]) -> dict[str, Any]:
    """The options that an address gives. Any page can link to one, so it cannot ask for a clean start."""
    return {name: value for name, value in query.items() if name != FIELD}


def environment(*, clean: bool) -> dict[str, str]:
    """What start-server is told."""
    return {"HUBSMITH_CLEAN_START": "1"} if clean else {}
