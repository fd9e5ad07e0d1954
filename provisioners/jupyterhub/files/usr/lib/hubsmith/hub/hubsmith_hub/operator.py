"""The running hub as root of its machine sees it: API calls with the token that the boot program made."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote

from hubsmith_network import settings

TOKEN = Path("/srv/jupyterhub/operator.token")
_TIMEOUT_S = 60


class HubError(Exception):
    """The hub does not answer, or answers with an error; ``status`` is that of HTTP, or 0."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


def call(method: str, path: str, timeout_s: float = _TIMEOUT_S) -> object:
    """What the hub answers, from JSON; None for an empty answer. Raises HubError."""
    try:
        headers = {"Authorization": f"token {TOKEN.read_text(encoding='ascii').strip()}"}
        url = f"{settings.read().hub_url}/hub/api/{path}"
        request = urllib.request.Request(url, method=method, headers=headers)  # noqa: S310 - the hub of this machine
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # noqa: S310
            body = answer.read()
    except urllib.error.HTTPError as exc:
        raise HubError(f"the hub answers {exc.code}: {_message(exc.read())}", exc.code) from exc
    except OSError as exc:
        raise HubError(f"the hub does not answer: {getattr(exc, 'reason', exc)}") from exc
    return json.loads(body) if body else None


def user_path(name: str) -> str:
    """Where the API has this user."""
    return f"users/{quote(name, safe='@~')}"


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")[:200]
