"""The house: who may import what, and that tools do not skip a folder called build/."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import build

REPO = Path(__file__).parents[2]
MAX_FILE_LINES, MAX_FUNCTION_LINES = 300, 40
PRODUCT = [*(REPO / "build").rglob("*.py"), *(REPO / "localcloud").rglob("*.py"), REPO / "tasks.py"]


def test_a_modules_first_line_stands_alone() -> None:
    """docs/explanation/rooms.md is made of them."""
    docstrings = {path: ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) for path in PRODUCT}
    first_lines = {path: (text or "").partition("\n")[0] for path, text in docstrings.items()}
    cut = [str(path) for path, line in first_lines.items() if not line.endswith((".", "?"))]
    assert cut == [], "shorten their first sentences"


def is_python(path: Path) -> bool:
    """Programs of the images have no suffix."""
    if path.suffix == ".py":
        return True
    return not path.suffix and path.read_bytes().split(b"\n")[0].startswith(
        (b"#!/usr/bin/python", b"#!/usr/bin/env python")
    )


def shipped_python() -> Iterator[Path]:
    for root in ("build", "localcloud", "provisioners"):
        yield from (path for path in (REPO / root).rglob("*") if path.is_file() and is_python(path))


def test_no_file_and_no_function_is_too_long_to_read() -> None:
    """A function is counted from its `def` to its last line."""
    long = []
    for path in shipped_python():
        name, text = path.relative_to(REPO), path.read_text(encoding="utf-8")
        if (lines := len(text.splitlines())) > MAX_FILE_LINES:
            long.append(f"{name}: {lines} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                lines = node.end_lineno - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    long.append(f"{name}:{node.lineno} {node.name}: {lines} lines")
    assert long == [], f"split them: {MAX_FILE_LINES} lines for a file, {MAX_FUNCTION_LINES} for a function"


@functools.cache
def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    return found


def users_of(module: str) -> Iterator[str]:
    for path in PRODUCT:
        if any(name == module or name.startswith(module + ".") for name in imports(path)):
            yield path.relative_to(REPO).as_posix()


@pytest.mark.parametrize(
    ("module", "rooms"),
    [
        ("paramiko", ("build/remote/",)),
        ("boto3", ("build/aws/",)),
        ("moto", ("localcloud/",)),
        ("qemu", ("localcloud/",)),
        ("rich", ("build/report/reporter.py",)),
        ("uv", ("build/lock/pip.py",)),
        ("rattler", ("build/lock/conda_solver.py",)),
        ("packaging", ("build/manifest/schema/requirement.py",)),
        ("invoke", ("build/commands/", "tasks.py")),
        ("trustme", ("localcloud/acme/",)),
        ("localcloud", ("localcloud/", "build/commands/")),
    ],
)
def test_a_library_has_one_door(module: str, rooms: tuple[str, ...]) -> None:
    strangers = [path for path in users_of(module) if not path.startswith(rooms)]
    assert strangers == []
    assert list(users_of(module)), f"nobody imports {module} any more: drop the rule"


LOCAL_CLOUD = (
    "server", "doctor", "cloudformation", "moto_patches", "ec2", "acme", "dns", "iam", "faults", "machine",
    "base_image", "host_packages",
    "ports",
)  # fmt: skip
BUILD = (
    "commands", ("rebuild", "upgrade"), ("images", "operate", "launch"), "hubs", ("bake", "lock"),
    "cloud_config", "remote", "manifest", "aws", "pipeline", "report",
    "image_contract", "kernel_console", "paths", "bash", "errors",
)  # fmt: skip
MANIFEST = ("load", "checks", "model", "packages", "provisioners", "schema", "yaml")


ROOMS = {"build": BUILD, "build/manifest": MANIFEST, "localcloud": LOCAL_CLOUD}
"""Folder -> its rooms, from top to bottom; those in brackets side by side."""


def above_or_beside(floors: Sequence[str | tuple[str, ...]], here: str) -> set[str]:
    seen: set[str] = set()
    for floor in floors:
        rooms = (floor,) if isinstance(floor, str) else floor
        seen.update(rooms)
        if here in rooms:
            return seen - {here}
    assert here == "__init__", f"{here} has no place in the order"
    return set()


@pytest.mark.parametrize("folder", ROOMS)
def test_no_import_runs_upwards(folder: str) -> None:
    package, back = folder.replace("/", "."), []
    for path in (REPO / folder).rglob("*.py"):
        here = path.relative_to(REPO / folder).with_suffix("").parts[0]
        above = {f"{package}.{room}" for room in above_or_beside(ROOMS[folder], here)}
        depth = package.count(".") + 2
        back += [
            f"{path.relative_to(REPO)} imports {name}"
            for name in imports(path)
            if ".".join(name.split(".")[:depth]) in above
        ]
    assert back == []


# Sections of the manifest are named as its keys are: `Hub` and `Publish` are what hub: and publish: hold.
SECTIONS = "build/manifest/schema/"


@pytest.mark.parametrize("package", ["build", "localcloud"])
def test_no_class_name_stands_twice_in_a_package(package: str) -> None:
    seen: dict[str, list[str]] = {}
    for path in (REPO / package).rglob("*.py"):
        name = path.relative_to(REPO).as_posix()
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if (
                isinstance(node, ast.ClassDef)
                and not node.name.startswith("_")
                and not name.startswith(SECTIONS)
            ):
                seen.setdefault(node.name, []).append(name)
    assert {name: places for name, places in seen.items() if len(places) > 1} == {}


def test_the_local_cloud_knows_little_of_the_product() -> None:
    seen = {
        name
        for path in (REPO / "localcloud").rglob("*.py")
        for name in imports(path)
        if name.startswith("build.")
    }
    modules = ("build.errors", "build.paths", "build.kernel_console", "build.aws")
    assert {name for name in seen if not name.startswith(modules)} == set()


def test_the_manifest_and_the_plan_start_nothing_and_ask_nobody() -> None:
    pure = [
        *(REPO / "build" / "manifest").rglob("*.py"),
        REPO / "build/bake/plan.py",
        REPO / "build/bake/plan_table.py",
        REPO / "build/bake/inputs/fingerprint.py",
        REPO / "build/bake/inputs/inputs.py",
        REPO / "build/bake/inputs/provisioner_files.py",
        REPO / "build/bake/user_data.py",
        REPO / "build/cloud_config.py",
        REPO / "build/bake/inputs/builder_version.py",
    ]
    forbidden = {"subprocess", "socket", "requests", "urllib", "boto3", "botocore", "paramiko"}
    assert {
        path.name: sorted(forbidden & {name.partition(".")[0] for name in imports(path)}) for path in pure
    } == {path.name: [] for path in pure}


def test_only_the_reporter_prints() -> None:
    pattern = re.compile(r"\bprint\(|sys\.std(out|err)\.write")
    talkers = [
        path.relative_to(REPO).as_posix()
        for path in PRODUCT
        if pattern.search(path.read_text(encoding="utf-8"))
    ]
    assert talkers == ["build/report/reporter.py"]


def test_no_python_tool_shadows_the_package_called_build() -> None:
    assert Path(build.__file__).parent == REPO / "build"


def test_git_does_not_ignore_the_product() -> None:
    ignored = subprocess.run(
        ["git", "check-ignore", "build/errors.py", "localcloud/machine/machine.py"],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ignored.stdout == ""


def test_no_test_folder_is_called_build() -> None:
    assert [path for path in (REPO / "tests").rglob("build") if path.is_dir()] == []
