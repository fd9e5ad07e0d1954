"""A home that is missing, closed or somebody else's, before a server starts in it."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

UID = os.getuid()


@pytest.fixture
def homes(
    program: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """The module, with a /home and an /etc/skel of the test's own."""
    home = program("hubsmith_hub.home")
    (tmp_path / "home").mkdir()
    (tmp_path / "skel/.config").mkdir(parents=True)
    (tmp_path / "skel/.bashrc").write_text("PS1=x")
    monkeypatch.setattr(home, "HOMES", tmp_path / "home")
    monkeypatch.setattr(home, "_SKELETON", tmp_path / "skel")
    return home


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The (uid, gid) that folders were given to."""
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "fchown", lambda _folder, uid, gid: found.append((uid, gid)))
    return found


def account(homes: ModuleType, uid: int = UID, folder: str = "home/ada") -> pwd.struct_passwd:
    path = homes.HOMES.parent / folder
    return pwd.struct_passwd(("ada", "x", uid, os.getgid(), "", str(path), "/bin/bash"))


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_a_missing_home_is_made_as_useradd_does(homes: ModuleType) -> None:
    homes.prepare(account(homes))
    home = homes.HOMES / "ada"
    assert mode(home) == 0o700
    assert sorted(path.name for path in home.iterdir()) == [".bashrc", ".config"]


def test_half_a_home_is_not_left(homes: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(homes.shutil, "copytree", full)
    with pytest.raises(homes.HomeError, match="No space left on device"):
        homes.prepare(account(homes))
    assert not (homes.HOMES / "ada").exists()


@pytest.mark.parametrize(("before", "after"), [(0o000, 0o700), (0o055, 0o755), (0o600, 0o700)])
def test_a_closed_home_is_opened_to_its_owner_and_nobody_else(
    homes: ModuleType, given: list[tuple[int, int]], before: int, after: int
) -> None:
    """https://github.com/jupyterhub/the-littlest-jupyterhub/issues/237"""
    home = homes.HOMES / "ada"
    home.mkdir()
    home.chmod(before)
    if UID != 0 and not before & 0o400:
        home.chmod(before | 0o400)  # root opens any
        after |= 0o400
    homes.prepare(account(homes))
    assert mode(home) == after
    assert given == []


@pytest.mark.parametrize("now", [0o700, 0o750, 0o2770])
def test_an_open_home_stays_as_it_is(homes: ModuleType, given: list[tuple[int, int]], now: int) -> None:
    home = homes.HOMES / "ada"
    home.mkdir()
    home.chmod(now)
    homes.prepare(account(homes))
    assert (mode(home), given) == (now, [])


@pytest.mark.parametrize("owner", [0, 61234])
def test_a_home_of_root_or_of_nobody_is_given_back(
    homes: ModuleType, given: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch, owner: int
) -> None:
    (homes.HOMES / "ada").mkdir(mode=0o755)
    real = os.fstat
    monkeypatch.setattr(
        os, "fstat", lambda folder: os.stat_result((*real(folder)[:4], owner, *real(folder)[5:]))
    )
    homes.prepare(account(homes, uid=2001))
    assert given == [(2001, os.getgid())]


def test_a_home_of_another_account_is_refused_in_words(
    homes: ModuleType, given: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (homes.HOMES / "ada").mkdir()
    monkeypatch.setattr(homes, "_other_owner", lambda _uid: "bob")
    with pytest.raises(homes.HomeError, match=r"belongs to bob\. .*chown --recursive ada: .*/home/ada"):
        homes.prepare(account(homes, uid=UID + 1))
    assert given == []


def test_whose_a_home_is(homes: ModuleType) -> None:
    assert homes._other_owner(0) is None
    assert homes._other_owner(61234) is None
    assert homes._other_owner(pwd.getpwnam("nobody").pw_uid) == "nobody"


def test_a_file_in_its_place_is_refused_in_words(homes: ModuleType) -> None:
    (homes.HOMES / "ada").touch()
    with pytest.raises(homes.HomeError, match="is a file"):
        homes.prepare(account(homes))


@pytest.mark.parametrize("folder", ["srv/ada", "home/of/ada", "home"])
def test_a_home_somewhere_else_is_not_touched(
    homes: ModuleType, given: list[tuple[int, int]], folder: str
) -> None:
    homes.prepare(account(homes, uid=UID + 1, folder=folder))
    path = homes.HOMES.parent / folder
    assert given == []
    assert path.exists() == (folder == "home")


@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_an_administrators_and_not_followed(
    homes: ModuleType, given: list[tuple[int, int]], tmp_path: Path, there: bool
) -> None:
    target = tmp_path / "target"
    if there:
        target.mkdir(mode=0o500)
    (homes.HOMES / "ada").symlink_to(target)
    homes.prepare(account(homes, uid=UID + 1))
    assert given == []
    assert (mode(target) == 0o500) if there else not target.exists()
