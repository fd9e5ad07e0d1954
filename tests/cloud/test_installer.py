"""An installer that is nowhere ends a build before anything is launched."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.cloud.invoke_runner import InvokeRunner
from tests.cloud.project import Project
from tests.http_server import answering

pytestmark = pytest.mark.vm
VARIABLES = """\
lock: {}
variables:
  distribution: {from: python.distribution}
  installers: {from: python.installers}
  packages: {from: python.packages, type: list}
"""
DIGEST = "a" * 64
PYTHON = (
    f"python: {{distribution: miniforge, installers: {{miniforge: {{version: '1', urls: [URL], sha256: "
    f"{{x86_64: {DIGEST}}}}}}}}}\n"
)


class Empty(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(404)


@pytest.fixture
def empty() -> Iterator[str]:
    """A mirror that has nothing, at an address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(("192.0.2.1", 9))  # sends nothing
            address = asked.getsockname()[0]
        except OSError:
            pytest.skip("this machine has no network")
    with answering(ThreadingHTTPServer((address, 0), Empty)) as server:
        yield f"http://{address}:{server.server_port}"


def test_the_line_is_told_and_nothing_is_launched(tmp_path: Path, runner: InvokeRunner, empty: str) -> None:
    project = Project.copy(tmp_path / "project", runner, "nowhere")
    project.edit(
        "manifest.yaml", "tests: {folder", f"{PYTHON.replace('URL', f'{empty}/i.sh')}tests: {{folder"
    )
    project.edit("provisioners/greeting/provisioner.yaml", "variables:\n", VARIABLES)
    line = next(
        number
        for number, text in enumerate((project.folder / "manifest.yaml").read_text().splitlines(), 1)
        if "i.sh" in text
    )
    before = runner.listing()
    done = project.invoke("build-ami")
    assert done.status == 2
    assert f"manifest.yaml:{line}:" in done.err
    assert f"python.installers.miniforge.urls: no address has the installer: {empty}/i.sh: 404" in " ".join(
        done.err.split()
    )
    assert "security group" not in done.err
    assert runner.listing() == before
