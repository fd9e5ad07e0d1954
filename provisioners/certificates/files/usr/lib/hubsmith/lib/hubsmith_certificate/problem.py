"""Why no certificate could be got or renewed last, for `status`: kept until an attempt succeeds.

Beside the certificates, as attempts.py: the machine that replaces this one says so too. certbot tells nobody,
and Let's Encrypt has sent no mails before the end of a certificate since June 2025.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

from hubsmith_machine import files

PROBLEM = Path("/etc/letsencrypt/hubsmith-problem.json")
_LONGEST = 1500  # characters of a message


def note(message: str, path: Path = PROBLEM) -> None:
    """An attempt has failed, for that reason. Nothing where there is no folder for certificates."""
    if not path.parent.is_dir():
        return
    at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    files.write_private(path, json.dumps({"at": at, "message": message[-_LONGEST:]}).encode())


def forget(path: Path = PROBLEM) -> None:
    """An attempt has succeeded."""
    path.unlink(missing_ok=True)


def last(path: Path = PROBLEM) -> dict[str, str] | None:
    """``at`` (ISO 8601, UTC) and ``message`` of the last attempt, if it failed."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {"at": str(found["at"]), "message": str(found["message"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None
