"""Two pages: everybody changes their own password, administrators give out first ones.

Programs that would do it in a terminal (passwd) need root's rights, which nothing in a user's server can
have.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from jupyterhub.handlers.base import BaseHandler
from jupyterhub.orm import User
from tornado import web

from hubsmith_hub import accounts, passwords, sessions


@dataclass(frozen=True)
class Row:
    """A line of the administrators' table."""

    name: str
    has_password: bool
    may_be_set: bool


class _Page(BaseHandler):
    template = ""

    async def show(self, *, status: int = 200, **values: object) -> None:
        """Answer with the page, which no browser is to keep."""
        self.set_status(status)
        self.set_header("Cache-Control", "no-store")
        self.finish(await self.render_template(self.template, xsrf=self.xsrf_token.decode("ascii"), **values))


class OwnPassword(_Page):
    """/hub/password: the old one, and the new one twice."""

    template = "password.html"

    @web.authenticated
    async def get(self) -> None:
        """The empty form."""
        await self.show(shortest=passwords.SHORTEST)

    @web.authenticated
    async def post(self) -> None:
        """Change it, after the present one was given."""
        name = self.current_user.name
        old, new, again = (
            self.get_body_argument(field, "", strip=False) for field in ("old", "new", "again")
        )
        problem = await asyncio.to_thread(_complaint, name, old, new, again)
        if (
            problem is None
            and await self.authenticator.authenticate(self, {"username": name, "password": old}) is None
        ):
            problem = "That is not your present password."
        if problem is None:
            problem = await _set(name, new)
        if problem:
            await self.show(status=400, shortest=passwords.SHORTEST, problem=problem)
            return
        # Whoever else is in as this user is out; this browser, and what runs, goes on.
        sessions.end(self.db, self.current_user.orm_user, self.get_session_cookie())
        self.set_hub_cookie(self.current_user)
        self.log.info("%s changed their password", name)
        await self.show(shortest=passwords.SHORTEST, done=True)


class InitialPasswords(_Page):
    """/hub/passwords: who has none yet, and a new one for whom an administrator chooses; it is shown in the
    answer and nowhere else.
    """

    template = "passwords.html"

    @web.authenticated
    async def get(self) -> None:
        """Who has a password and who has none."""
        self._require_admin()
        await self.show(rows=self._rows())

    @web.authenticated
    async def post(self) -> None:
        """Give one user a new password."""
        self._require_admin()
        name = self.get_body_argument("name")
        user = self.find_user(name)
        if user is None or not accounts.is_ordinary(name):
            raise web.HTTPError(404, f"{name} is not a user whose password is set here")
        password = accounts.new_password()
        problem = await _set(name, password)
        if problem:
            await self.show(status=500, rows=self._rows(), problem=problem)
            return
        sessions.end(self.db, user.orm_user)
        await sessions.end_servers(self, user)
        self.log.warning("%s gave %s a new password", self.current_user.name, name)
        await self.show(rows=self._rows(), given=name, password=password)

    def _require_admin(self) -> None:
        # Not needs_scope: it would let in who may administer only some users.
        if "admin:users" not in self.expanded_scopes:
            raise web.HTTPError(403, "only for administrators of this hub")

    def _rows(self) -> list[Row]:
        names = sorted(user.name for user in self.db.query(User))
        rows = [Row(name, accounts.has_password(name), accounts.is_ordinary(name)) for name in names]
        return sorted(rows, key=lambda row: row.has_password)


def _complaint(name: str, old: str, new: str, again: str) -> str | None:
    if not accounts.is_ordinary(name):
        return "The password of this account is not set here."
    if new != again:
        return "The new passwords are not the same."
    return "That is the password you have." if new == old else passwords.problem(name, new)


async def _set(name: str, password: str) -> str | None:
    try:
        await asyncio.to_thread(accounts.set_password, name, password)
    except accounts.AccountError as exc:
        return f"The password was not changed: {exc}"
    return None
