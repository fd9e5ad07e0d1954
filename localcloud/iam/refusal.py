"""An error to answer a request with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """An error to answer with; the code in EC2's words and in everybody else's."""

    code: str
    message: str
    status: int = 403
