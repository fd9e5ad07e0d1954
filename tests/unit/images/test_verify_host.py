"""Where a verification of a machine leaves its files."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from build.images.verify_host import make_folder


def test_two_in_the_same_second_have_a_folder_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBSMITH_STATE", str(tmp_path))
    started = datetime(2026, 11, 25, 4, 47, 52, tzinfo=timezone.utc)
    first, second = (make_folder("127.77.72.1", started) for _ in range(2))
    assert first != second
    assert {path.stat().st_mode & 0o077 for path in (first, second)} == {0}
