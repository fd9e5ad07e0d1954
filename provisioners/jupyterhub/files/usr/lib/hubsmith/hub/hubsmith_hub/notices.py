"""What each page of the hub says above its content: the operator's messages, and why a server was stopped.

Plain text: the template (page.html) escapes it.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from hubsmith_hub import messages, stops

if TYPE_CHECKING:
    from jupyterhub.user import User

log = logging.getLogger("hubsmith")


def for_page(user: User | None) -> list[str]:
    """For a visitor, or for a user who has logged in. JupyterHub asks for it with each page."""
    told = [*_told(None)]
    if user is None:
        return [*map(in_words, told)]
    told += _told(user.name)
    states = {name: one.state for name, one in user.orm_spawners.items()}
    return [*map(in_words, told), *stops.in_words(states)]


def in_words(message: messages.Message) -> str:
    """The text, and when servers stop. The hub does not know the visitor's time zone."""
    if message.stop_at is None:
        return message.text
    when = datetime.fromtimestamp(message.stop_at, timezone.utc)
    left = stops.duration(message.stop_at - time.time())
    return f"Servers will be stopped at {when:%H:%M} UTC (in {left}). {message.text}".strip()


def _told(user: str | None) -> list[messages.Message]:
    """A file that cannot be read keeps nobody from a page."""
    try:
        return messages.read(user)
    except KeyError:  # no account: a service of the hub
        return []
    except (OSError, ValueError, TypeError) as exc:
        log.warning("messages cannot be read: %s", exc)
        return []
