"""Whether a hub's certificate is well: served, renewed in time, and the last renewal did not fail.

By shares of the lifetime, never by days: Let's Encrypt's lifetimes go from 90 days to 64 and 45, and certbot
renews when a third is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LATE = 1 / 4
"""With a smaller share of its lifetime left, a certificate should have been renewed."""

ALMOST_OVER = 1 / 10
"""With a smaller one, browsers will refuse it before anybody looks."""

_ASK_AGAIN = "sudo /usr/lib/hubsmith/certificate renew, by invoke ssh, asks again"


def in_time(share_left: float | None) -> tuple[bool | None, str]:
    """(True, nothing), or False and None (a warning) with the words; True for an older image, which does not
    tell.
    """
    if share_left is None or share_left >= LATE:
        return True, ""
    words = f"only {share_left:.0%} of its lifetime is left, and it is not renewed"
    return (False if share_left < ALMOST_OVER else None), words


def of_machine(certificate: Mapping[str, Any]) -> tuple[bool | None, str]:
    """What the machine's own document says of it: (ok, in words)."""
    ok, late = in_time(certificate.get("share_left"))
    kind, days = certificate.get("kind"), certificate.get("days_left")
    told = [f"{kind}, {days} days left" if days is not None else str(kind), *filter(None, [late])]
    if certificate.get("serial") != certificate.get("served_serial"):
        ok = False
        told.append("but another one is served")
    if kind != "acme":
        ok = False
    if problem := certificate.get("problem"):
        ok = False
        when = f" ({problem['at'][:16]})" if problem.get("at") else ""
        told.append(f"the last attempt to get or renew it failed{when}: {problem['message']}")
        told.append(_ASK_AGAIN)
    return ok, "; ".join(told)
