"""A wheel that is not the locked one is never unpacked: a checksum that is only shown checks nothing."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.web import answering

REPO = Path(__file__).parents[3]
FETCH = REPO / "provisioners/python/files/usr/lib/hubsmith/fetch-wheel"


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    """A package index on loopback with one wheel of one tool."""
    name = f"tool-1.0-py3-none-manylinux_2_17_{platform.machine()}.whl"
    folder = tmp_path / "simple" / "tool"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / name, "w") as wheel:
        wheel.writestr("tool/bin/tool", "the tool")
        wheel.writestr("tool/readme", "not wanted")
    (folder / "index.html").write_text(f'<a href="{name}">{name}</a>')
    with answering(ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(tmp_path)))) as server:
        yield f"http://127.0.0.1:{server.server_port}/simple"


def fetch(tmp_path: Path, index: str, digest: str) -> subprocess.CompletedProcess[str]:
    lock = tmp_path / "lock.txt"
    lock.write_text(f"tool==1.0 \\\n    --hash=sha256:{digest}\n")
    # Without proxies: the index is on loopback.
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()} | {
        "PIP_INDEX_URL": index
    }
    command = ["python3", str(FETCH), str(lock), str(tmp_path / "out"), "tool/bin/*"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def digest_of_wheel(tmp_path: Path) -> str:
    return hashlib.sha256(next((tmp_path / "simple" / "tool").glob("*.whl")).read_bytes()).hexdigest()


def test_the_locked_one_is_unpacked_as_far_as_wanted(tmp_path: Path, index: str) -> None:
    done = fetch(tmp_path, index, digest_of_wheel(tmp_path))
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "out").rglob("*") if path.is_file()] == ["tool"]


def test_another_one_is_refused(tmp_path: Path, index: str) -> None:
    done = fetch(tmp_path, index, hashlib.sha256(b"another").hexdigest())
    assert done.returncode != 0
    assert "is not what" in done.stderr
    assert not (tmp_path / "out").exists()
