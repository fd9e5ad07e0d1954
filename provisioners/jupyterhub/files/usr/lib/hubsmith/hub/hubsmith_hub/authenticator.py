"""PAM logins of the hub's users, whose accounts only administrators make, open and close."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from jupyterhub.app import JupyterHub
from jupyterhub.auth import PAMAuthenticator
from jupyterhub.handlers.base import BaseHandler
from jupyterhub.user import User
from tornado import web

from hubsmith_hub import (
    accounts,
    api,
    first_login,
    first_password,
    logins,
    opening,
    own_host,
    server,
    sessions,
    watchdog,
)
from hubsmith_hub.pages import InitialPasswords, OwnPassword

_BUSY_PAGE = """<!DOCTYPE html>
<html lang="en"><title>Too many failed logins</title>
<h1>Too many failed logins</h1><p>{}</p><p><a href="">Back</a></p></html>
"""


class HubsmithAuthenticator(PAMAuthenticator):
    """A user added on the admin page gets a Unix account; one deleted there keeps only the files."""

    create_system_users = True
    _logins: logins.Logins | None = None

    async def authenticate(self, handler: BaseHandler, data: dict[str, str]) -> str | None:
        """Ask PAM when this attempt's turn has come (hubsmith_hub.logins); the name of an open account of a
        user, or None.
        """
        if self._logins is None:
            self._logins = logins.Logins(self.executor)
        # PAMAuthenticator's method as it was before run_on_executor, which would put all attempts into one
        # queue without end.
        verify = partial(PAMAuthenticator.authenticate.__wrapped__, self, handler, data)
        try:
            name = await self._logins.check(
                handler.request.remote_ip, data["username"], verify, handler.request.connection.stream.closed
            )
        except logins.BusyError as exc:
            # Not as an HTTPError, whose page would cost the hub many times as much, for each request of a
            # flood.
            handler.set_status(429)
            handler.set_header("Retry-After", str(exc.retry_after_s))
            raise web.Finish(_BUSY_PAGE.format(exc)) from exc
        except logins.GoneError as exc:
            handler.set_status(499, "Client Closed Request")  # for the log
            raise web.Finish from exc
        # Not in check_allowed, which JupyterHub does not call with allow_all.
        if name and (problem := accounts.refusal(name)):
            self.log.warning("no login: %s", problem)
            return None
        return name

    async def refresh_user(self, user: User, handler: BaseHandler | None = None) -> bool:
        """Whether sessions and tokens of this user still count."""
        return accounts.refusal(user.name) is None

    def add_system_user(self, user: User) -> None:
        """Raises AccountError, which the admin page shows as a failure."""
        accounts.create(user.name)
        self.log.info("made the account %s; it gets a password at /hub/passwords", user.name)

    async def add_user(self, user: User) -> None:
        """Raises AccountError for an account of the machine, and for a closed one unless an administrator
        adds it again.
        """
        if accounts.exists(user.name):
            if opening.is_asked_for() and accounts.is_ordinary(user.name):
                accounts.reopen(user.name)
            if problem := accounts.refusal(user.name):
                raise accounts.AccountError(problem)
        await super().add_user(user)

    def delete_user(self, user: User) -> None:
        """Close the account; files and number stay for when the user comes back."""
        super().delete_user(user)
        if self.system_user_exists(user):
            accounts.close(user.name)

    async def run_post_auth_hook(self, handler: object, auth_model: dict[str, Any]) -> dict[str, Any] | None:
        """Note the first login with a first password; refuse one whose time has passed."""
        if not await asyncio.to_thread(first_password.accept_login, auth_model["name"]):
            self.log.warning("the first password of %s is too old", auth_model["name"])
            return None
        return await super().run_post_auth_hook(handler, auth_model)

    def get_handlers(self, app: JupyterHub) -> list[tuple[str, type]]:
        """Pages about passwords and the API's additions, before JupyterHub's own of the same addresses.

        JupyterHub asks once, when it knows its users and nobody can reach it yet.
        """
        server.configure()
        sessions.complete(app.db)
        first_login.guard()
        own_host.guard()
        watchdog.start()
        return [
            *super().get_handlers(app),
            ("/password", OwnPassword),
            ("/passwords", InitialPasswords),
            *api.HANDLERS,
        ]
