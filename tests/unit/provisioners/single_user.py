"""The image's program for a user's server at work, without a machine: start-server, with a hub that knows one
user and notes what the server reports.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

from tests.conftest import REPO

HUBSMITH = REPO / "provisioners/jupyterhub/files/usr/lib/hubsmith"
CLEAN_SETTINGS = REPO / "provisioners/jupyterhub/files/usr/share/hubsmith/jupyterhub/clean_start.json"
PATIENCE_S = 90
BASE = "/user/ada/"


class _Hub(BaseHTTPRequestHandler):
    reports: list[str]

    def do_GET(self) -> None:
        scopes = ["access:servers", "read:users"]
        self._answer({"version": "6.1.1", "name": "ada", "kind": "user", "admin": False, "scopes": scopes})

    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.reports.append(told["last_activity"])
        self._answer({})

    def _answer(self, content: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("X-JupyterHub-Version", "6.1.1")
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *told: object) -> None:
        pass


@contextmanager
def hub() -> Iterator[tuple[str, list[str]]]:
    """Its URL, and the last activities reported to it."""
    reports: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Hub", (_Hub,), {"reports": reports}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hub/api", reports
    finally:
        server.shutdown()
        server.server_close()


class Server:
    """A user's server whose home is ``home``."""

    def __init__(self, home: Path, hub_url: str, *arguments: str, **environment: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}{BASE}"
        self.log = home.parent / f"{home.name}.log"
        runtime = home.parent / f"{home.name}.run"
        runtime.mkdir(mode=0o700, exist_ok=True)
        passed = ("PATH", "PYTHONPATH", "LANG")
        program = [str(HUBSMITH / "server/jupyterhub-singleuser"), "--allow-root", *arguments]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(HUBSMITH / "start-server"), sys.executable, "-s", *program],
                env={
                    **{name: os.environ[name] for name in passed if name in os.environ},
                    "HOME": str(home),
                    "JUPYTER_RUNTIME_DIR": str(runtime),
                    "JUPYTER_PREFER_ENV_PATH": "0",
                    "JUPYTERHUB_API_URL": hub_url,
                    "JUPYTERHUB_ACTIVITY_URL": f"{hub_url}/users/ada/activity",
                    "JUPYTERHUB_ACTIVITY_INTERVAL": "1",
                    "JUPYTERHUB_API_TOKEN": "x" * 32,
                    "JUPYTERHUB_CLIENT_ID": "jupyterhub-user-ada",
                    "JUPYTERHUB_USER": "ada",
                    "JUPYTERHUB_SERVICE_PREFIX": BASE,
                    "JUPYTERHUB_SERVICE_URL": self.url,
                    "JUPYTERHUB_OAUTH_ACCESS_SCOPES": '["access:servers"]',
                    "PYTHONDONTWRITEBYTECODE": "1",
                    "HUBSMITH_CLEAN_SETTINGS": str(CLEAN_SETTINGS),
                    **environment,
                },
                cwd=home,
                stdout=log,
                stderr=log,
            )

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def api(self, method: str, path: str, **options: Any) -> Any:
        answer = requests.request(
            method,
            f"{self.url}api/{path}",
            headers={"Authorization": f"token {'x' * 32}"},
            timeout=PATIENCE_S,
            **options,
        )
        answer.raise_for_status()
        return answer.json()

    def answers(self) -> bool:
        """Wait until it answers, or has ended."""
        deadline = time.monotonic() + PATIENCE_S
        while self.process.poll() is None:
            try:
                self.api("GET", "status")
            except requests.ConnectionError:
                if time.monotonic() > deadline:
                    raise AssertionError(self.said()) from None
                time.sleep(0.2)
            else:
                return True
        return False

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")
