"""What the machine was told when it was launched: /etc/hubsmith/launch.json, absent on a test boot."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

LAUNCH_DATA = Path("/etc/hubsmith/launch.json")


@dataclass(frozen=True)
class Launch:
    """Launch data; ``domain`` is None where the hub has no name of its own."""

    domain: str | None = None


def read(path: Path = LAUNCH_DATA) -> Launch:
    """Raises ValueError when the file is there and not a JSON object."""
    if not path.exists():
        return Launch()
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as exc:
        raise ValueError(f"{path}: {exc}") from exc
    if not isinstance(data, dict):
        raise ValueError(f"{path}: should hold one JSON object")  # noqa: TRY004 - its content is wrong, not its type here
    return Launch(domain=data.get("domain"))
