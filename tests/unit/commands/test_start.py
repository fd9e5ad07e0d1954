"""What a command costs before it begins."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parents[3]
# As Invoke does before it reads tasks.py, unless --write-pyc is given.
AS_INVOKE_DOES = "import sys; sys.dont_write_bytecode = True; import tasks; print(sys.dont_write_bytecode)"


@pytest.mark.parametrize(("wish", "is_off"), [("", False), ("1", True)])
def test_compiled_modules_are_kept_unless_the_user_says_otherwise(
    tmp_path: Path, wish: str, is_off: bool
) -> None:
    # Elsewhere, so that a test writes nothing into the checkout.
    settings = {"PYTHONDONTWRITEBYTECODE": wish, "PYTHONPYCACHEPREFIX": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", AS_INVOKE_DOES],
        cwd=REPO,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{is_off}\n"
    assert (next(tmp_path.rglob("hubs.*.pyc"), None) is None) is is_off
