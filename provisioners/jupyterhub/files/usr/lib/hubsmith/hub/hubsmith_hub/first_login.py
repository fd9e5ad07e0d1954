"""A first login leads to the page where a new password is set, and to no other until it is.

JupyterHub has no hook that sees every page, so BaseHandler.prepare, which all of them go through, gets one.
"""

from __future__ import annotations

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.handlers.base import BaseHandler
from jupyterhub.user import User
from jupyterhub.utils import url_path_join
from tornado import web

from hubsmith_hub import first_password

PAGE = "password"
_OPEN = {PAGE, "login", "logout", "health"}
_prepare = BaseHandler.prepare


def guard() -> None:
    """From here on, in this process."""
    BaseHandler.prepare = _prepare_and_ask


async def _prepare_and_ask(self: BaseHandler) -> None:
    self.settings["template_vars"].setdefault("must_change_password", _must_change)
    await _prepare(self)
    user = self.current_user
    if self._finished or _is_open(self) or not _must_change(user):
        return
    if isinstance(self, APIHandler) or self.request.method not in ("GET", "HEAD"):
        raise web.HTTPError(
            403, "the first password has to be changed before anything else, at /hub/password"
        )
    self.redirect(url_path_join(self.hub.base_url, PAGE))


def _is_open(handler: BaseHandler) -> bool:
    below = handler.request.path.removeprefix(handler.hub.base_url)
    return below.strip("/") in _OPEN


def _must_change(user: object) -> bool:
    """Of whoever asks: a user, a service, or nobody. JupyterHub also calls it for its templates."""
    return isinstance(user, User) and first_password.must_change(user.name)
