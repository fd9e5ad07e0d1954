"""A plugin of conda: users who may not change an environment are told how to make one of their own.

conda says EnvironmentNotWritableError after it, and nothing of what to do.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conda import plugins

HINT = (
    "Only administrators change this environment. To make one of your own: conda create --name NAME PACKAGE, "
    "or, as a kernel with all that is in the shared one: create-kernel NAME"
)


@plugins.hookimpl  # type: ignore[untyped-decorator]
def conda_pre_commands() -> Iterator[Any]:
    """Called by conda, which finds it as an entry point."""
    yield plugins.types.CondaPreCommand(
        name="hubsmith-hint", action=_hint, run_for={"install", "update", "upgrade", "remove", "uninstall"}
    )


def _hint(command: str) -> None:
    from conda.base.context import context

    history = Path(context.target_prefix, "conda-meta", "history")  # what conda looks at, too
    if history.exists() and not os.access(history, os.W_OK):
        print(f"hint: {HINT}", file=sys.stderr)
