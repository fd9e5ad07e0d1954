"""Whether there is a file at an address, as this machine sees it: the builder may see more, or less."""

from __future__ import annotations

from dataclasses import dataclass

import requests

_CONNECT_S, _READ_S = 4, 10


@dataclass(frozen=True)
class Availability:
    """``there`` is None where nobody can tell from here; ``why`` says what was seen instead of a file."""

    there: bool | None
    why: str = ""


def probe_url(url: str) -> Availability:
    """Ask for the first byte, as a download would (some mirrors know no HEAD). Raises nothing."""
    try:
        with requests.get(
            url, stream=True, timeout=(_CONNECT_S, _READ_S), headers={"Range": "bytes=0-0"}
        ) as answer:
            status, reason = answer.status_code, f"{answer.status_code} {answer.reason}".strip()
    except requests.Timeout:
        return Availability(None, "no answer")
    except requests.ConnectionError:
        return Availability(None, "cannot be reached")
    except requests.RequestException as exc:
        return Availability(None, str(exc))
    if status in (requests.codes.not_found, requests.codes.gone):
        return Availability(False, reason)
    return Availability(True) if status < requests.codes.bad_request else Availability(None, reason)
