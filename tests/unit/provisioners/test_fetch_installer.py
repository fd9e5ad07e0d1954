"""An installer that is not the one of the manifest never gets the name under which it would be run."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.http_server import answering

FETCH = Path(__file__).parents[3] / "provisioners/python/files/usr/lib/hubsmith/python/fetch-installer"
INSTALLER = b"#!/bin/sh\n" + bytes(range(256)) * 400
ARCH = platform.machine()


class Handler(BaseHTTPRequestHandler):
    """/whole as it is; /short is half of it, said to be all; /broken breaks off once; /stubborn does too and
    knows no ranges; else 404.
    """

    broken: set[str]

    def do_GET(self) -> None:
        if self.path == "/short":
            return self._answer(200, INSTALLER[: len(INSTALLER) // 2], len(INSTALLER) // 2)
        if self.path == "/stubborn" or self.path in ("/whole", "/broken"):
            asked = self.headers.get("Range") if self.path != "/stubborn" else None
            start = int(re.findall(r"\d+", asked)[0]) if asked else 0
            rest = INSTALLER[start:]
            breaks = self.path != "/whole" and self.path not in self.broken
            self.broken.add(self.path)
            return self._answer(
                206 if asked else 200, rest[: len(rest) // 2] if breaks else rest, len(rest), start
            )
        return self.send_error(404)

    def _answer(self, status: int, content: bytes, length: int, start: int = 0) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(INSTALLER) - 1}/{len(INSTALLER)}")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def mirror() -> Iterator[str]:
    handler = type("Fresh", (Handler,), {"broken": set()})
    with answering(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as server:
        yield f"http://127.0.0.1:{server.server_port}"


def fetch(tmp_path: Path, *urls: str, arch: str = ARCH) -> tuple[subprocess.CompletedProcess[str], Path]:
    told = {"any": {"version": "1.0", "urls": urls, "sha256": {arch: hashlib.sha256(INSTALLER).hexdigest()}}}
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()} | {
        "INSTALLERS": json.dumps(told)
    }
    environment["HUBSMITH_RETRY_PAUSE_S"] = "0.01"
    file = tmp_path / "out" / "any.sh"
    file.parent.mkdir()
    done = subprocess.run(
        [sys.executable, str(FETCH), "any", str(file)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done, file


@pytest.mark.parametrize("path", ["whole", "broken", "stubborn"])
def test_it_comes_whole_however_the_mirror_behaves(tmp_path: Path, mirror: str, path: str) -> None:
    done, file = fetch(tmp_path, f"{mirror}/{path}")
    assert done.returncode == 0, done.stderr
    assert file.read_bytes() == INSTALLER


def test_it_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / f"Any-1.0-{ARCH}.sh").write_bytes(INSTALLER)
    done, file = fetch(tmp_path, f"file://{tmp_path}/Any-{{version}}-{{arch}}.sh")
    assert done.returncode == 0, done.stderr
    assert file.read_bytes() == INSTALLER


@pytest.mark.parametrize(
    "dead", ["http://127.0.0.1:9/x", "{mirror}/absent", "{mirror}/short", "file:///nonexistent"]
)
def test_the_next_address_is_asked(tmp_path: Path, mirror: str, dead: str) -> None:
    done, file = fetch(tmp_path, dead.replace("{mirror}", mirror), f"{mirror}/whole")
    assert done.returncode == 0, done.stderr
    assert file.read_bytes() == INSTALLER


@pytest.mark.parametrize(
    ("path", "why"),
    [("short", "and the manifest has"), ("absent", "404")],
)
def test_what_is_not_it_leaves_nothing(tmp_path: Path, mirror: str, path: str, why: str) -> None:
    done, file = fetch(tmp_path, f"{mirror}/{path}")
    assert done.returncode != 0
    assert why in done.stderr
    assert "nothing was run" in done.stderr
    assert list(file.parent.iterdir()) == []


def test_another_architecture_is_told(tmp_path: Path, mirror: str) -> None:
    done, _ = fetch(tmp_path, f"{mirror}/whole", arch="other")
    assert done.returncode != 0
    assert f"has none for {ARCH}" in done.stderr
