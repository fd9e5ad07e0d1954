"""hubsmith/messages of a user's server: what its pages have to show, as JSON.

    {"messages": [{"id": "disk-full", "level": "error", "text": "...", "stop_at": null}]}

The lab extension hubsmith-messages asks for it (/usr/share/jupyter/labextensions).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any, Protocol

from hubsmith_server.message import Message

PATH = "hubsmith/messages"
Source = Callable[[], Iterable[Message]]


class SingleUser(Protocol):
    """jupyterhub.singleuser.extension.JupyterHubSingleUser."""

    serverapp: Any

    def initialize(self, *args: object, **kwargs: object) -> None:
        """Called when the web application is there, and before it is reachable."""


def serve_with(single_user: type[SingleUser], sources: Iterable[Source]) -> None:
    """Let JupyterHub's application answer at PATH with the messages of all sources.

    Here and not as a server extension of Jupyter's: those are switched by files, and a user's own files come
    last.
    """
    before, all_sources = single_user.initialize, tuple(sources)

    @functools.wraps(before)
    def initialize(self: SingleUser, *args: object, **kwargs: object) -> None:
        before(self, *args, **kwargs)
        _add_handler(self.serverapp.web_app, all_sources)

    single_user.initialize = initialize  # type: ignore[method-assign]


def _add_handler(web_app: Any, sources: tuple[Source, ...]) -> None:  # noqa: ANN401 - tornado's, which is not here
    from jupyter_server.base.handlers import APIHandler  # type: ignore[import-not-found]
    from tornado import web

    class Messages(APIHandler):  # type: ignore[misc]
        """Answers whoever may use this server."""

        # Nobody uses a server because a page asks by itself: the idle culler is not to be kept from it.
        _track_activity = False

        @web.authenticated  # type: ignore[untyped-decorator]
        def get(self) -> None:
            """All that hold now."""
            self.set_header("Cache-Control", "no-store")
            self.finish({"messages": [asdict(message) for source in sources for message in source()]})

        def _log(self) -> None:
            # Of each page every ten seconds: no line in the journal unless something is wrong.
            if self.get_status() >= 400:
                super()._log()

    web_app.add_handlers(".*$", [(f"{web_app.settings['base_url']}{PATH}", Messages)])
