"""Whether there is a file at an address, as far as this machine can tell: the one who will download it may see more, or less."""

from __future__ import annotations

from dataclasses import dataclass

import requests

_CONNECT_S, _READ_S = 4, 10


@dataclass(frozen=True)
class Sight:
    """``there`` is None where nobody can tell from here; ``why`` says what was seen instead of a file."""

    there: bool | None
    why: str = ""


def look(url: str) -> Sight:
    """Ask for the first byte, as a download would (some mirrors know no HEAD). Raises nothing."""
    try:
        with requests.get(url, stream=True, timeout=(_CONNECT_S, _READ_S), headers={"Range": "bytes=0-0"}) as answer:
            status, reason = answer.status_code, f"{answer.status_code} {answer.reason}".strip()
    except requests.Timeout:
        return Sight(None, "no answer")
    except requests.ConnectionError:
        return Sight(None, "cannot be reached")
    except requests.RequestException as exc:
        return Sight(None, str(exc))
    if status in (requests.codes.not_found, requests.codes.gone):
        return Sight(False, reason)
    return Sight(True) if status < requests.codes.bad_request else Sight(None, reason)
