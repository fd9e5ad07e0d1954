"""Certificates as openssl sees them; the system's Python has no library for them."""

from __future__ import annotations

import re
import ssl
import subprocess
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

SERVED = Path("/etc/hubsmith/tls")
"""What the proxy is given: fullchain.pem and privkey.pem."""

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


@dataclass(frozen=True)
class Certificate:
    """What is asked of one.

    ``names`` are DNS names and addresses, ``serial`` is hexadecimal in small letters.
    """

    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    serial: str
    self_signed: bool

    @property
    def days_left(self) -> int:
        """Whole days until it ends; negative after that."""
        return (self.not_after - datetime.now(timezone.utc)).days

    @property
    def share_left(self) -> float:
        """Of its lifetime, at most 1. Lifetimes differ, and get shorter: a number of days says little."""
        left = self.not_after - datetime.now(timezone.utc)
        return min(max(left / (self.not_after - self.not_before), 0.0), 1.0)


def read(text: str) -> Certificate:
    """The first certificate of a chain. Raises ValueError when there is none."""
    command = [
        "openssl",
        "x509",
        "-noout",
        "-serial",
        "-startdate",
        "-enddate",
        "-subject",
        "-issuer",
        "-ext",
        "subjectAltName",
    ]
    done = subprocess.run(command, input=text, capture_output=True, check=False, text=True)
    if done.returncode != 0:
        raise ValueError(f"not a certificate: {done.stderr.strip().splitlines()[-1:]}")
    told = dict(
        line.split("=", 1)
        for line in done.stdout.splitlines()
        if re.match(r"(serial|notBefore|notAfter|subject|issuer)=", line)
    )
    names = tuple(name for _, name in re.findall(r"(DNS|IP Address):([^,\s]+)", done.stdout))
    return Certificate(
        names,
        _moment(told["notBefore"]),
        _moment(told["notAfter"]),
        told["serial"].lower(),
        told["subject"] == told["issuer"],
    )


def served() -> Certificate | None:
    """What port 443 of this machine answers with; None when nothing answers."""
    try:
        return read(ssl.get_server_certificate(("127.0.0.1", 443), timeout=5))
    except (OSError, ValueError):
        return None


def belong_together(certificate: Path, key: Path) -> bool:
    """Is this the key of that certificate?"""
    of_certificate = ["openssl", "x509", "-noout", "-pubkey", "-in", str(certificate)]
    of_key = ["openssl", "pkey", "-pubout", "-in", str(key)]
    one, other = (
        subprocess.run(command, capture_output=True, check=False) for command in (of_certificate, of_key)
    )
    return one.returncode == other.returncode == 0 and one.stdout == other.stdout


def _moment(text: str) -> datetime:
    """Of "Nov 25 01:22:00 2026 GMT"; strptime would want the names of the machine's language."""
    month, day, clock, year, _ = text.split()
    hour, minute, second = (int(part) for part in clock.split(":"))
    return datetime(int(year), _MONTHS.index(month) + 1, int(day), hour, minute, second, tzinfo=timezone.utc)
