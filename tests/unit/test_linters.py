"""ruff, mypy and shellcheck have nothing to say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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


def test_spelling() -> None:
    listed = run_for_output("git", "ls-files", "-co", "--exclude-standard").splitlines()
    assert run(str(BIN / "codespell"), *[name for name in listed if (REPO / name).is_file()]) == ""


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
    listed = run_for_output("git", "ls-files", "-co", "--exclude-standard").splitlines()
    scripts = [name for name in listed if (REPO / name).is_file() and is_shell(REPO / name)]
    assert "build/bake/scripts/seal.sh" in scripts
    assert run(str(BIN / "shellcheck"), "--external-sources", *scripts) == ""


def is_shell(path: Path) -> bool:
    with path.open("rb") as file:
        first = file.readline(80)
    return path.suffix == ".sh" or (first.startswith(b"#!") and first.rstrip().endswith((b"sh", b"bash")))
