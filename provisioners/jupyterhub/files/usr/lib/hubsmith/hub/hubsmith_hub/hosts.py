"""On a hub with subdomains: which host below the hub's own is whose."""

from __future__ import annotations

import hashlib
import re

_LABEL = re.compile(r"(?!.*--)[a-z]([a-z0-9-]{0,30}[a-z0-9])?")
# Hosts that programs look for by themselves, and hosts that look as if they were the hub: no user gets one of
# them as it is.
_RESERVED = frozenset(
    (
        *("autoconfig", "autodiscover", "isatap", "localhost", "mta-sts", "wpad"),
        *(
            "account",
            "accounts",
            "admin",
            "administrator",
            "api",
            "auth",
            "help",
            "hub",
            "jupyter",
            "jupyterhub",
            "login",
            "logout",
        ),
        *("mail", "root", "security", "service", "services", "sso", "static", "support", "www"),
    )
)
_DIGITS = 20


def host_of(name: str, domain: str, kind: str) -> str:
    """The host of a user's servers, or of a service: one label below ``domain``, which nobody else has.

    That is the name itself where it can be a label; other names get one with a digest. JupyterHub's own hook
    does so too, with a digest of 28 bits: too few to keep users apart by it.
    """
    label = name if _LABEL.fullmatch(name) and name not in _RESERVED else _digested(name)
    # A user's label has -- before a digest only, so that none is that of a service.
    return f"{label}{'' if kind == 'user' else f'--{kind}'}.{domain}"


def _digested(name: str) -> str:
    stub = re.sub(r"[^a-z0-9]", "", name)[:8] or "x"  # never -- in the third place, which is IDNA's
    return f"u-{stub}--{hashlib.sha256(name.encode()).hexdigest()[:_DIGITS]}"
