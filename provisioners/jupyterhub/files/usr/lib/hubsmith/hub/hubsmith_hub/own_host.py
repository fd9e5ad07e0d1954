"""On a hub with subdomains its pages and its API are on its own host only.

The proxy gives the hub whatever leads to no server, on every host. On a user's host a page of the hub would
be in the hands of what that user's servers send: a login there would be theirs.
"""

from __future__ import annotations

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.handlers.base import BaseHandler, PrefixRedirectHandler


def guard() -> None:
    """From here on, in this process.

    JupyterHub has no hook that sees every page, but all of them go through BaseHandler.prepare.
    """
    prepare = BaseHandler.prepare

    async def prepare_on_own_host(self: BaseHandler) -> None:
        # Requests by address, as of servers to the API, are no matter of browsers. The one handler sends
        # everybody to the hub by itself.
        if not _is_of_a_user(self) or isinstance(self, PrefixRedirectHandler):
            await prepare(self)
        elif isinstance(self, APIHandler) or self.request.method not in ("GET", "HEAD"):
            self.set_status(404)
            self.finish()
        else:
            self.redirect(f"{self.subdomain_host}{self.request.uri}")

    BaseHandler.prepare = prepare_on_own_host


def _is_of_a_user(handler: BaseHandler) -> bool:
    return bool(handler.subdomain_host) and handler.request.host_name.lower().rstrip(".").endswith(
        f".{handler.domain}"
    )
