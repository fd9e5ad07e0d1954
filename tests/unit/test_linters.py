"""ruff, mypy and shellcheck have nothing to say, and see everything."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from mypy.main import process_options

REPO = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def run_for_output(*command: str) -> str:
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("command", [["check"], ["format", "--check", "--diff"]], ids=["check", "format"])
def test_ruff(command: list[str]) -> None:
    assert run(str(BIN / "ruff"), *command, ".") == ""


def test_mypy_strict() -> None:
    assert run(str(BIN / "mypy")) == ""


def test_ruff_sees_every_python_file() -> None:
    shown = run_for_output(str(BIN / "ruff"), "check", "--show-files", ".").splitlines()
    seen = {Path(name).relative_to(REPO).as_posix() for name in shown}
    assert sorted(python_files() - seen) == [], "add it to extend-include in pyproject.toml"


def test_mypy_sees_every_python_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPO)
    sources, _ = process_options([])
    seen = {Path(source.path).as_posix() for source in sources if source.path}
    assert sorted(python_files() - seen) == [], "add it to files in pyproject.toml"


def python_files() -> set[str]:
    """A link is what it leads to, which is here by its own name."""
    return {name for name in files() if not (REPO / name).is_symlink() and is_python(REPO / name)}


def is_python(path: Path) -> bool:
    """By its suffix; a program without one by its first line, or by what it is."""
    if path.suffix:
        return path.suffix == ".py"
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False
    if text.startswith("#!"):
        return "python" in text.partition("\n")[0]
    try:
        body = ast.parse(text).body
    except SyntaxError:
        return False
    return any(isinstance(statement, (ast.Import, ast.ImportFrom)) for statement in body)


@pytest.mark.parametrize(
    ("name", "text", "is_one"),
    [
        ("program", "#!/usr/bin/python3 -I\nprint()\n", True),
        ("program", '"""Run as `python program`."""\nimport sys\n', True),
        ("program", "#!/bin/sh\nset -e\n", False),
        ("README", "Read\n", False),
        ("template.j2", "import sys\n", False),
    ],
)
def test_what_a_python_file_is(tmp_path: Path, name: str, text: str, is_one: bool) -> None:
    (tmp_path / name).write_text(text)
    assert is_python(tmp_path / name) is is_one


def files() -> list[str]:
    listed = run_for_output("git", "ls-files", "-co", "--exclude-standard").splitlines()
    return [name for name in listed if (REPO / name).is_file()]


def test_spelling() -> None:
    assert run(str(BIN / "codespell"), *files()) == ""


@pytest.mark.parametrize(
    ("schema", "pattern"),
    [
        ("github-workflows", ".github/workflows/*.yml"),
        ("github-issue-forms", ".github/ISSUE_TEMPLATE/[!c]*.yml"),
        ("github-issue-config", ".github/ISSUE_TEMPLATE/config.yml"),
        ("dependabot", ".github/dependabot.yml"),
    ],
)
def test_what_github_reads(schema: str, pattern: str) -> None:
    files = [str(path) for path in REPO.glob(pattern)]
    assert files
    assert run(str(BIN / "check-jsonschema"), "--builtin-schema", f"vendor.{schema}", *files) == ""


def test_shellcheck_on_every_script() -> None:
    scripts = [name for name in files() if is_shell(REPO / name)]
    assert "build/bake/scripts/seal.sh" in scripts
    assert run(str(BIN / "shellcheck"), "--external-sources", *scripts) == ""


def is_shell(path: Path) -> bool:
    with path.open("rb") as file:
        first = file.readline(80)
    return path.suffix == ".sh" or (first.startswith(b"#!") and first.rstrip().endswith((b"sh", b"bash")))
