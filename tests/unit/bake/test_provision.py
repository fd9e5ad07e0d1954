"""How a provisioner's failure is told."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from build.bake.provision import Provision
from build.manifest import Builder, Definition, ProvisionerUse

RUNNER = Path(__file__).parents[3] / "build" / "bake" / "run_install.sh"


def run(folder: Path, script: str, environment: str = "") -> tuple[int, list[str]]:
    """Run install.sh as the builder does, on this machine."""
    (folder / "install.sh").write_text(script)
    (folder / "environment").write_text(environment)
    done = subprocess.run(["bash", str(RUNNER)], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).splitlines()


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("set -euo pipefail\necho hello\nfalse\n", 3),
        ("set -euo pipefail\nbroken() {\n    ls /nonexistent\n}\nbroken\n", 3),
        ("set -euo pipefail\necho $UNSET_VARIABLE\n", 2),
        ("set -euo pipefail\nfalse | cat\n", 2),
        ("set -euo pipefail\nif true; then\n", 3),
        ("set -euo pipefail\nnosuchcommand\n", 2),
    ],
    ids=["command", "function", "unset variable", "pipe", "syntax", "unknown command"],
)
def test_the_line_that_failed_is_named(tmp_path: Path, script: str, line: int) -> None:
    status, lines = run(tmp_path, script)
    assert status != 0
    step = Provision(ProvisionerUse("r", tmp_path, Definition(summary="x"), {}), 0)
    error = step._failure(status, lines)
    assert error.where == f"{tmp_path}/install.sh:{line}"


def test_variables_arrive_and_success_is_silent(tmp_path: Path) -> None:
    status, lines = run(tmp_path, 'set -euo pipefail\necho "$WORDS"\n', "export WORDS='a b\nc'\n")
    assert (status, lines) == (0, ["a b", "c"])


def test_its_last_lines_are_shown_not_its_first(tmp_path: Path) -> None:
    step = Provision(ProvisionerUse("r", tmp_path, Definition(summary="x"), {}), 0)
    error = step._failure(1, [f"line {n}" for n in range(100)])
    assert error.hint is not None
    assert "line 99" in error.hint
    assert "line 80" not in error.hint


def test_what_the_lock_gives_stands_beside_the_script_for_root_alone(tmp_path: Path) -> None:
    (tmp_path / "install.sh").write_text("true\n")
    sent: list[bytes] = []
    shell = SimpleNamespace(send=lambda content, command, root: sent.append(content))
    state = SimpleNamespace(base=SimpleNamespace(login_user="admin"), manifest=SimpleNamespace(builder=Builder()))
    for given, there in (({}, set()), ({"pip": "a==1\n"}, {"work/lock/pip.txt"})):
        step = Provision(ProvisionerUse("r", tmp_path, Definition(summary="x"), {}, given), 0)
        step._send(shell, "/work", state)  # type: ignore[arg-type]
        with tarfile.open(fileobj=io.BytesIO(sent[-1])) as archive:
            assert set(archive.getnames()) - {"work/install.sh", "work/run_install.sh", "work/environment"} == there
            for name in there:
                content = archive.extractfile(name)
                assert content is not None
                assert (content.read(), archive.getmember(name).mode, archive.getmember(name).uname) == (b"a==1\n", 0o600, "root")
