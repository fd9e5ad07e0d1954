"""What lets a browser or a program in as a user (cookies, tokens, running servers), and its end.

A mark in a folder says that somebody's sessions are to end: set by /usr/lib/hubsmith/users before it asks the
hub, so that a hub that is down at that moment does it at its next start, before anybody can reach it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets

from jupyterhub import orm
from jupyterhub.handlers.base import BaseHandler
from jupyterhub.spawner import Spawner
from jupyterhub.user import User
from sqlalchemy.orm import Session

from hubsmith_hub import accounts, marks, systemctl

log = logging.getLogger("hubsmith")

_INTERRUPTION_S = 10


def end(db: Session, user: orm.User, but_session: str | None = None) -> None:
    """End the user's cookies and tokens, but for what one browser session was given and for the tokens of
    running servers.

    Without a session to keep, the servers' own tokens end too: they are to be ended next.
    """
    user.cookie_id = secrets.token_hex(16)  # as JupyterHub's own: each login cookie holds it
    kept = _server_tokens(user) if but_session else ()
    for token in list(user.api_tokens):
        if token.id not in kept and (but_session is None or token.session_id != but_session):
            db.delete(token)
    for code in list(user.oauth_codes):
        db.delete(code)
    db.commit()


async def end_servers(handler: BaseHandler, user: User) -> None:
    """Kill the user's servers, and return when the hub knows that they are gone."""
    for name, spawner in list(user.spawners.items()):
        await _interrupt(spawner)
        await systemctl.kill(spawner.unit_name)
        if spawner.pending == "stop":
            await spawner._stop_future
        elif spawner.active:
            stopping = await handler.stop_single_user(user, name)
            await stopping


async def _interrupt(spawner: Spawner) -> None:
    """End a start that is under way, as JupyterHub does when such a server is to be stopped."""
    for _ in range(_INTERRUPTION_S):
        if spawner.pending != "spawn":
            return
        if spawner._spawn_future:
            spawner._spawn_future.cancel()
        await asyncio.sleep(1)


def complete(db: Session) -> None:
    """Forget who was removed, and end what was to end, while the hub was down."""
    to_end = marks.names()
    for user in db.query(orm.User).all():
        if accounts.exists(user.name) and accounts.is_closed(user.name):
            log.warning(
                "%s was removed while the hub was down: nothing that they held counts any more", user.name
            )
            db.delete(user)
        elif user.name in to_end:
            log.warning(
                "%s got a new password while the hub was down: nothing that they held counts any more",
                user.name,
            )
            end(db, user)
    db.commit()
    for name in to_end:
        marks.clear(name)


def _server_tokens(user: orm.User) -> set[int]:
    """Ids of those that the user's servers themselves use; SystemdSpawner has no place for it,
    HubsmithSpawner's state has.
    """
    states = [spawner.state or {} for spawner in user._orm_spawners if spawner.server]
    return {state["token_id"] for state in states if state.get("token_id")}
