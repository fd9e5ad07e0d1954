"""How a provisioner's failure is told."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from build.bake.steps.provision import Provision
from build.errors import RemoteError
from build.manifest import Builder, Definition, ProvisionerUse
from build.report.reporter import Reporter

RUNNER = Path(__file__).parents[3] / "build/bake/scripts/run_install.sh"


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
    error = step._failure(f"ended with status {status}", lines)
    assert error.where == f"{tmp_path}/install.sh:{line}"


def test_variables_arrive_and_success_is_silent(tmp_path: Path) -> None:
    status, lines = run(tmp_path, 'set -euo pipefail\necho "$WORDS"\n', "export WORDS='a b\nc'\n")
    assert (status, lines) == (0, ["a b", "c"])


def test_its_last_lines_are_shown_not_its_first(tmp_path: Path) -> None:
    step = Provision(ProvisionerUse("r", tmp_path, Definition(summary="x"), {}), 0)
    error = step._failure("ended with status 1", [f"line {n}" for n in range(100)])
    assert error.hint is not None
    assert "line 99" in error.hint
    assert "line 80" not in error.hint


def test_what_the_lock_gives_stands_beside_the_script_for_root_alone(tmp_path: Path) -> None:
    (tmp_path / "install.sh").write_text("true\n")
    sent: list[bytes] = []
    shell = SimpleNamespace(send=lambda content, command, root: sent.append(content))
    state = SimpleNamespace(
        base=SimpleNamespace(login_user="admin"), manifest=SimpleNamespace(builder=Builder())
    )
    for given, there in (({}, set()), ({"pip": "a==1\n"}, {"work/lock/pip.txt"})):
        step = Provision(ProvisionerUse("r", tmp_path, Definition(summary="x"), {}, given), 0)
        step._send(shell, "/work", state)  # type: ignore[arg-type]
        with tarfile.open(fileobj=io.BytesIO(sent[-1])) as archive:
            assert (
                set(archive.getnames()) - {"work/install.sh", "work/run_install.sh", "work/environment"}
                == there
            )
            for name in there:
                content = archive.extractfile(name)
                assert content is not None
                assert (content.read(), archive.getmember(name).mode, archive.getmember(name).uname) == (
                    b"a==1\n",
                    0o600,
                    "root",
                )


def test_one_that_takes_too_long_is_named_with_its_last_words_and_what_to_do(tmp_path: Path) -> None:
    def stream(_: str, *, on_line: Callable[[str], object], **limits: object) -> int:
        on_line("downloading, 3 of 70")
        raise RemoteError("'cd /work' took longer than 60 s", hint="raise its time limit")

    step = Provision(ProvisionerUse("r", tmp_path, Definition(summary="x"), {}), 0)
    with pytest.raises(RemoteError) as caught:
        step._install(SimpleNamespace(stream=stream), "/work", SimpleNamespace(report=Reporter(quiet=True)))  # type: ignore[arg-type]
    assert (
        str(caught.value)
        == f"{tmp_path}/install.sh: provisioner r was cut off: 'cd /work' took longer than 60 s"
    )
    assert caught.value.hint is not None
    assert caught.value.hint.splitlines()[1:3] == ["  downloading, 3 of 70", "raise its time limit"]
