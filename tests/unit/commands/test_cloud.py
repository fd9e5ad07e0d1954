"""cloud.reset asks before it empties anything, and takes silence for no."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from invoke import Context

from build.commands import cloud
from localcloud.server import control
from localcloud.server.endpoint import Endpoint

REPO = Path(__file__).parents[3]
INVOKE = Path(sys.executable).with_name("invoke")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Of somebody who has a local cloud, which is not up, and a cache."""
    for kept in ("state/cloud/state.pickle", "cache/base/tiny-amd64-20261129-0259.qcow2"):
        (tmp_path / kept).parent.mkdir(parents=True)
        (tmp_path / kept).write_bytes(bytes(1 << 20))
    places = {
        "HUBSMITH_STATE": str(tmp_path / "state"),
        "HUBSMITH_CACHE": str(tmp_path / "cache"),
        "TMPDIR": str(tmp_path),
    }
    return {**os.environ, **places}


def answered(environment: dict[str, str], answer: str, *more: str) -> tuple[int, str]:
    """`cloud.reset` on a terminal: exit code and what was said."""
    ours, theirs = os.openpty()
    os.write(ours, f"{answer}\n".encode())
    done = subprocess.run(
        [INVOKE, "cloud.reset", *more],
        cwd=REPO,
        env=environment,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    os.close(ours)
    os.close(theirs)
    return done.returncode, done.stdout


def test_it_says_how_much_is_at_stake_and_a_yes_empties_it(
    environment: dict[str, str], tmp_path: Path
) -> None:
    status, said = answered(environment, "no")
    assert (status, "nothing was removed" in said) == (2, True)
    lost = f"Every instance, volume and image of the local cloud in {tmp_path}/state/cloud, 1.0 MiB,"
    assert f"{lost} will be gone. Type 'yes':" in said
    assert (tmp_path / "state/cloud/state.pickle").exists()
    status, said = answered(environment, "yes", "--cache")
    asked = f"and the cache of base images in {tmp_path}/cache, 2.0 MiB, will be gone"
    assert (status, asked in said) == (0, True), said
    assert not (tmp_path / "state/cloud").exists()
    assert not (tmp_path / "cache").exists()


def test_where_nobody_can_answer_nothing_is_removed(environment: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [INVOKE, "cloud.reset"],
        cwd=REPO,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "--yes skips the question" in done.stderr) == (2, True), done.stderr
    assert (tmp_path / "state/cloud/state.pickle").exists()


def test_what_is_not_its_own_stays(environment: dict[str, str], tmp_path: Path) -> None:
    others = [
        tmp_path / name for name in ("cache/thesis.tex", "cache/base/notes", "state/cloud/letter", "state/a")
    ]
    for other in others:
        other.write_text("mine")
    status, said = answered(environment, "", "--cache", "--yes")
    assert status == 0, said
    assert [other for other in others if not other.exists()] == []
    assert not (tmp_path / "state/cloud/state.pickle").exists()
    assert list((tmp_path / "cache/base").iterdir()) == [tmp_path / "cache/base/notes"]


@pytest.mark.parametrize("kind", ["state/cloud", "cache"])
def test_a_folder_of_somebody_else_is_refused(environment: dict[str, str], tmp_path: Path, kind: str) -> None:
    folder = tmp_path / kind
    shutil.rmtree(folder)
    (folder / "docs").mkdir(parents=True)
    (folder / "docs" / "thesis.tex").write_text("mine")
    status, said = answered(environment, "", "--cache", "--yes")
    variable = "HUBSMITH_CACHE" if kind == "cache" else "HUBSMITH_STATE"
    assert (status, f"{folder} holds nothing that Hubsmith has made" in said, variable in said) == (
        2,
        True,
        True,
    )
    assert (folder / "docs" / "thesis.tex").exists()
    other = tmp_path / ("state/cloud/state.pickle" if kind == "cache" else "cache/base")
    assert other.exists(), "half of it was removed"


ENDPOINT = Endpoint(
    url="http://127.0.0.1:5077",
    region="us-east-1",
    account="123456789012",
    access_key="test",
    secret_key="test",
    pid=1,
    guest_url="http://169.254.0.1:5077",
    dns=("127.0.0.1", 53),
    acme_directory=None,
    acme_ca=None,
    acme_roots=None,
    acme_problem="no pebble",
    consistency="eventual, seed 7f3a90c1",
)


def test_the_last_line_of_the_environment_is_a_comment_that_says_what_is_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(control, "ensure_up", lambda progress: ENDPOINT)
    cloud.env(Context())
    said = capsys.readouterr().out
    assert said.splitlines()[-1] == "# consistency: eventual, seed 7f3a90c1"
    script = 'eval "$(cat)"; echo $AWS_ENDPOINT_URL'
    done = subprocess.run(["sh", "-c", script], input=said, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (f"{ENDPOINT.url}\n", "")
