"""`check` reads what a builder would run: scripts, programs and templates of the provisioners."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from build import bash
from build.manifest import load

if TYPE_CHECKING:
    from tests.unit.manifest.conftest import Project

SHIPPED = Path(__file__).parents[3] / "manifest.yaml"
HUB = "provisioners/hub"


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("files/etc/x.j2", b"{% if a %}\n{{ b }", "2:1 hub: not a valid template"),
        (
            "files/etc/x.j2",
            b"a\n{{ nosuch }}\n",
            "2:1 hub: 'nosuch' is not a variable of provisioner.yaml",
        ),
        (
            "files/etc/x.j2",
            b"a\n{{ greeting.a.b }}\n",
            "2:1 hub: 'str object' has no attribute 'a'",
        ),
        ("files/etc/x.j2", b"{{ 1 // 0 }}\n", "1:1 hub: cannot be rendered: ZeroDivisionError"),
        ("files/etc/x.j2", b"\n\xff\n", "2:1 file: is not UTF-8 text"),
        (
            "files/etc/x.j2",
            b"\n{% include 'y' %}",
            "2:1 hub: cannot include or extend another template",
        ),
        ("files/x.py.j2", b"a = {{ greeting }} 1\n", "1:1 hub: is not valid Python"),
        ("files/x.py", b"a = 1\nb = (\n", "2:1 hub: is not valid Python: '(' was never closed"),
        ("files/x", b"#!/usr/bin/env python3\nif 1\n", "2:1 hub: is not valid Python"),
        ("files/x", b"#!/bin/bash\nif true; then\n", "3:1 hub: is not valid bash: syntax error"),
        ("files/x", b"#!/bin/sh\r\ntrue\r\n", "1:1 hub: ends with a carriage return"),
        ("install.sh", b"true\nif true; then\n", "3:1 hub: is not valid bash: syntax error"),
        ("install.sh", b"true\ntrue\r\n", "2:1 hub: ends with a carriage return"),
        ("install.sh", b"\xef\xbb\xbftrue\n", "1:1 hub: begins with a byte order mark"),
        ("install.sh", b"a\n\xff\n", "2:1 file: is not UTF-8 text"),
    ],
)
def test_a_mistake_is_told_with_its_file_and_line(
    project: Project, file: str, content: bytes, told: str
) -> None:
    path = project.folder / HUB / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    problem, *others = project.problems()
    assert others == []
    assert problem.startswith(f"{HUB}/{file}:{told}")


def test_they_are_told_beside_those_of_the_manifest(project: Project) -> None:
    (project.folder / HUB / "files" / "x.j2").write_text("{{ nosuch }}", encoding="utf-8")
    (project.folder / HUB / "install.sh").write_text("fi\n", encoding="utf-8")
    project.edit("size_gib: 16", "size_gib: big")
    assert len(project.problems()) == 3


def test_files_has_to_be_a_folder(project: Project) -> None:
    base = project.folder / "provisioners" / "base"
    (base / "files").write_text("x", encoding="utf-8")
    assert project.problems() == ["provisioners/base/files:1:1 base: should be a folder: it is laid over /"]


def test_what_is_no_program_may_be_anything(project: Project) -> None:
    files = project.folder / HUB / "files"
    (files / "image.png").write_bytes(b"\x89PNG\r\n\x00")
    (files / "notes.txt").write_bytes(b"fi\r\n")
    (files / "x.py~").write_text("if 1\n", encoding="utf-8")
    (files / "broken-link.py").symlink_to("/nowhere")
    assert project.load()


def test_nothing_of_a_script_is_run(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    env = project.folder / "env.sh"
    env.write_text(f"touch {project.folder}/ran\n", encoding="utf-8")
    monkeypatch.setenv("BASH_ENV", str(env))
    script = f"touch {project.folder}/ran\n$(touch {project.folder}/ran)\n"
    (project.folder / HUB / "install.sh").write_text(script, encoding="utf-8")
    assert project.load()
    assert not (project.folder / "ran").exists()


def test_who_builds_nothing_is_not_kept_by_a_script(project: Project) -> None:
    (project.folder / HUB / "install.sh").write_text("fi\n", encoding="utf-8")
    assert load(Path("manifest.yaml"), building=False, bash=bash.complaint)


@pytest.mark.parametrize("distribution", ["venv", "miniforge"])
def test_the_shipped_provisioners_are_right(distribution: str) -> None:
    assert load(SHIPPED, overrides=[f"python.distribution={distribution}"], bash=bash.complaint)
