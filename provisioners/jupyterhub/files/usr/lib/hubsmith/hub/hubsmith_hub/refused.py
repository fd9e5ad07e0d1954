"""Errors of a start whose words reach the user, on JupyterHub's pages and in its API's answers."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tornado import web


def error(status: int, message: str, lines: Sequence[str] = ()) -> web.HTTPError:
    """An error with this message, and with lines of a log below it.

    The attributes are JupyterHub's own (jupyterhub.utils.format_exception). Without them the page says only
    that a start has failed, unless it failed within the first second.
    """
    found = web.HTTPError(status, "%s", message)
    found.jupyterhub_message = message
    if lines:
        log = escape("\n".join(lines))
        found.jupyterhub_html_message = (
            f"{escape(message)} Its last lines:<pre class='text-start'>{log}</pre>"
        )
    return found
