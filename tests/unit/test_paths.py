"""Folders of this machine: XDG's, or what HUBSMITH_STATE and HUBSMITH_CACHE say; private to the user."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from build import paths
from build.errors import UserError

STATE, CACHE = (paths.state_dir, "STATE", ".local/state"), (paths.cache_dir, "CACHE", ".cache")
Folder = Callable[[], Path]


@pytest.mark.parametrize(("folder", "kind", "default"), [STATE, CACHE], ids=["state", "cache"])
@pytest.mark.parametrize("place", ["file", "file/below", "sys"])
def test_a_folder_that_cannot_be_used_is_the_users_mistake(
    folder: Folder, kind: str, default: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    wanted = Path("/sys/hubsmith") if place == "sys" else tmp_path / place
    monkeypatch.setenv(f"HUBSMITH_{kind}", str(wanted))
    with pytest.raises(UserError) as caught:
        folder()
    assert caught.value.message == f"HUBSMITH_{kind}={wanted}: not a folder that this user may write to"


@pytest.mark.parametrize(("folder", "kind", "default"), [STATE, CACHE], ids=["state", "cache"])
def test_where_it_is(
    folder: Folder, kind: str, default: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in (f"HUBSMITH_{kind}", f"XDG_{kind}_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert folder() == tmp_path / "home" / default / "hubsmith"
    monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / "xdg"))
    assert folder() == tmp_path / "xdg" / "hubsmith"
    monkeypatch.setenv(f"HUBSMITH_{kind}", str(tmp_path / "own"))
    assert folder() == tmp_path / "own"
    assert folder().stat().st_mode & 0o777 == 0o700
