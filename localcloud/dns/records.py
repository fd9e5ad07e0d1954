"""The texts in which Route 53 holds a record -> dnslib's records.

Formats: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html
"""

from __future__ import annotations

import logging
import re

from dnslib import CLASS, QTYPE, RR, TXT, DNSError

_log = logging.getLogger("hubsmith.localcloud.dns")

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)


def records(owner: str, kind: str, ttl: int, values: tuple[str, ...]) -> list[RR]:
    """The records of a set; a value that is none is logged and left out, as moto takes everything."""
    found = []
    for value in values:
        try:
            found.append(
                _text(owner, ttl, value) if kind in ("TXT", "SPF") else _record(owner, kind, ttl, value)
            )
        except (DNSError, ValueError, KeyError, IndexError, TypeError) as problem:
            _log.warning("%s %s %r is left out of answers: %s", owner, kind, value, problem)
    return found


def _record(owner: str, kind: str, ttl: int, value: str) -> RR:
    """By dnslib's reader of zone files; "o" is the owner, whose name may hold what such a file refuses."""
    (made,) = RR.fromZone(f"o. {ttl} IN {kind} {value}")
    return RR(owner, made.rtype, CLASS.IN, ttl, made.rdata)


def _text(owner: str, ttl: int, value: str) -> RR:
    """One or more quoted strings; bytes may be written as octal numbers (\\341)."""
    strings = [_ESCAPE.sub(_unescaped, found.encode()) for found in _QUOTED.findall(value)]
    return RR(owner, QTYPE.TXT, CLASS.IN, ttl, TXT(strings or [value.encode()]))


def _unescaped(found: re.Match[bytes]) -> bytes:
    digits = found[1]
    return bytes([int(digits, 8) & 0xFF]) if len(digits) == 3 else digits
