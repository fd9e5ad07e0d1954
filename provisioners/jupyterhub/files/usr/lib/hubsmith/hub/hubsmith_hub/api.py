"""What JupyterHub's users API does otherwise here: it knows accounts, ends sessions, renames nobody,
and keeps the reasons of stops."""

from __future__ import annotations

from jupyterhub import orm
from jupyterhub.apihandlers.users import UserAPIHandler, UserListAPIHandler, UserServerAPIHandler
from jupyterhub.handlers.base import BaseHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.user import User
from tornado import web

from hubsmith_hub import sessions, stops
from hubsmith_hub.opening import reopening

# JupyterHub 6.1.1 reads it before it is set, and answers 500, where it should send somebody whose account is
# closed to the login page.
BaseHandler._token_authenticated = False


class Users(UserListAPIHandler):
    """/hub/api/users"""

    async def post(self) -> None:
        """Add users; those who were removed are let in again."""
        with reopening():
            await super().post()


class OneUser(UserAPIHandler):
    """/hub/api/users/NAME"""

    async def post(self, user_name: str) -> None:
        """Add a user, or let one in again who was removed."""
        with reopening():
            await super().post(user_name)

    @needs_scope("delete:users")
    async def delete(self, user_name: str) -> None:
        """Close the account, end the user's servers, cookies and tokens, and then answer 204."""
        user = _found(self, user_name)
        if user.name != self.current_user.name:
            self.authenticator.delete_user(user)
            sessions.end(self.db, user.orm_user)
            await sessions.end_servers(self, user)
        await super().delete(user_name)

    @needs_scope("admin:users")
    async def patch(self, user_name: str) -> None:
        """Change what JupyterHub keeps of a user, but not the name, which is the account's and the files'."""
        told = self.get_json_body()
        if isinstance(told, dict) and told.get("name", user_name) != user_name:
            raise web.HTTPError(400, f"{user_name} cannot be renamed: add another user, and remove this one")
        await super().patch(user_name)


class Sessions(UserAPIHandler):
    """/hub/api/users/NAME/sessions, which JupyterHub does not have."""

    SUPPORTED_METHODS = ("DELETE",)

    @needs_scope("admin:users")
    async def delete(self, user_name: str) -> None:
        """End the user's cookies, tokens and servers; the account stays as it is. 204 when it is done."""
        user = _found(self, user_name)
        sessions.end(self.db, user.orm_user)
        await sessions.end_servers(self, user)
        self.set_status(204)


class OneServer(UserServerAPIHandler):
    """/hub/api/users/NAME/server and /hub/api/users/NAME/servers/SERVER"""

    @needs_scope("delete:servers")
    async def delete(self, user_name: str, server_name: str = "") -> None:
        """Stop a server, and keep the reason for its user's pages."""
        user, who = self.find_user(user_name), self.current_user
        spawner = user.spawners.get(server_name) if user is not None else None
        if spawner is not None and spawner.ready:
            spawner.stopped_because = stops.reason(
                who.name,
                user.name,
                spawner.orm_spawner.last_activity,
                is_service=isinstance(who, orm.Service),
            )
        await super().delete(user_name, server_name)


def _found(handler: UserAPIHandler, name: str) -> User:
    user = handler.find_user(name)
    if user is None:
        raise web.HTTPError(404, f"the hub knows no user {name}")
    return user


HANDLERS = [
    (r"/api/users", Users),
    (r"/api/users/([^/]+)", OneUser),
    (r"/api/users/([^/]+)/sessions", Sessions),
    (r"/api/users/([^/]+)/server", OneServer),
    (r"/api/users/([^/]+)/servers/([^/]*)", OneServer),
]
