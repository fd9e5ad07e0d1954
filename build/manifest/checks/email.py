"""Addresses that Let's Encrypt does not take for an account.

Its own rule (boulder, policy/pa.go, ValidEmail): not at example.com, example.net or example.org, and the
domain ends in a top-level domain of ICANN's without being one. The names that are never such (RFC 2606, 6761,
6762, 7686, 8375, 9476, and ICANN's own "internal") are listed here.
"""

from __future__ import annotations

_FORBIDDEN = ("example.com", "example.net", "example.org")
_NEVER_PUBLIC = (
    *("alt", "corp", "example", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain"),
    *("localhost", "mail", "onion", "private", "test"),
)


def lets_encrypt_problem(email: str) -> str | None:
    """Why Let's Encrypt would refuse the address, or None; nothing for one that is not given."""
    domain = email.rpartition("@")[2].lower()
    top = domain.rpartition(".")[2]
    if domain in _FORBIDDEN or top in _NEVER_PUBLIC or top.isdecimal():
        return f"is refused by Let's Encrypt, which takes no address at {domain}: use your own"
    return None
