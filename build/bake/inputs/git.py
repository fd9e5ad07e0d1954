"""The git revision an image is made from, and the files of such a revision."""

from __future__ import annotations

import subprocess
from pathlib import Path


def git_revision(folder: Path) -> str | None:
    """``<commit>`` or ``<commit>-dirty`` of the manifest's folder; None outside of git."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None


def files_at(folder: Path, revision: str) -> list[str]:
    """The files below ``folder`` in a commit, relative to it; none where git does not know the commit."""
    command = ["git", "-C", str(folder), "ls-tree", "-r", "--name-only", "-z", revision]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="surrogateescape", check=False, timeout=10
        )
    except FileNotFoundError:
        return []
    return [name for name in done.stdout.split("\0") if name] if done.returncode == 0 else []
