"""files/ of a provisioner becomes a tar with the right places, owners and modes."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from build.bake.inputs.provisioner_files import files
from build.errors import UserError
from build.manifest import Ownership
from build.remote.file_tree import archive, collect, roots


def write(folder: Path, name: str, text: str, mode: int = 0o644) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def members(
    folder: Path, variables: dict[str, object], exceptions: dict[str, Ownership]
) -> dict[str, tuple[str, int, str]]:
    with tarfile.open(
        fileobj=io.BytesIO(archive(collect(folder, files(folder), variables, exceptions)))
    ) as tar:
        found = {}
        for member in tar:
            file = None if member.issym() else tar.extractfile(member)
            found[member.name] = (
                file.read().decode() if file else f"-> {member.linkname}",
                member.mode,
                f"{member.uname}:{member.gname}",
            )
        return found


def test_files_keep_their_places_and_templates_lose_their_suffix(tmp_path: Path) -> None:
    write(tmp_path, "etc/hub.conf.j2", "limit = {{ limit }}\n")
    write(tmp_path, "usr/bin/tool", "#!/bin/sh\n", 0o755)
    (tmp_path / "etc/link").symlink_to("/usr/bin/tool")
    exceptions = {"/etc/hub.conf": Ownership(0o600, "hub", "adm")}
    assert members(tmp_path, {"limit": 4}, exceptions) == {
        "etc/hub.conf": ("limit = 4\n", 0o600, "hub:adm"),
        "etc/link": ("-> /usr/bin/tool", 0o777, "root:root"),
        "usr/bin/tool": ("#!/bin/sh\n", 0o755, "root:root"),
    }


def test_the_umask_of_whoever_checked_out_does_not_matter(tmp_path: Path) -> None:
    write(tmp_path, "etc/a", "x", 0o664)
    write(tmp_path, "etc/b", "x", 0o600)
    assert {mode for _, mode, _ in members(tmp_path, {}, {}).values()} == {0o644}


def test_an_unknown_variable_is_reported_with_the_template_and_its_line(tmp_path: Path) -> None:
    write(tmp_path, "etc/hub.conf.j2", "one\ntwo {{ limt }}\n")
    with pytest.raises(UserError) as caught:
        collect(tmp_path, files(tmp_path), {"limit": 4}, {})
    assert caught.value.where == f"{tmp_path}/etc/hub.conf.j2:2"
    assert "limt" in caught.value.message


def test_a_broken_template_is_reported_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "etc/hub.conf.j2", "one\n{% if %}\n")
    with pytest.raises(UserError) as caught:
        collect(tmp_path, files(tmp_path), {}, {})
    assert caught.value.where == f"{tmp_path}/etc/hub.conf.j2:2"


def test_modes_for_a_file_that_is_not_there_are_a_mistake(tmp_path: Path) -> None:
    write(tmp_path, "etc/a", "x")
    with pytest.raises(UserError, match="/etc/b"):
        collect(tmp_path, files(tmp_path), {}, {"/etc/b": roots(0o600)})
