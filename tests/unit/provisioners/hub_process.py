"""A real JupyterHub as a process, configured by queue_hub.py, and what its users do."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from tests.unit.provisioners.conftest import FOLDERS

CONFIG = Path(__file__).with_name("queue_hub.py")
PATIENCE_S = 120


class Hub:
    """A hub at work; ``says`` is what the servers of its users do."""

    def __init__(self, folder: Path, port: int, start_timeout: int) -> None:
        self.folder, self.url = folder, f"http://127.0.0.1:{port}"
        self.start_timeout = start_timeout
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"token {'x' * 32}"
        self.orders: dict[str, Any] = {}
        self.server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        (self.folder / "say").write_text(json.dumps(self.orders))
        environment = {
            **os.environ,
            "STATE": str(self.folder),
            "URL": self.url,
            "FOLDERS": json.dumps([str(folder) for folder in FOLDERS]),
            "START_TIMEOUT": str(self.start_timeout),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        with (self.folder / "log").open("ab") as log:
            self.server = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub", "--config", str(CONFIG)],
                env=environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        self.until(lambda: self.session.get(f"{self.url}/hub/health", timeout=5).ok)

    def stop(self, with_signal: int = signal.SIGTERM) -> None:
        if self.server:
            self.server.send_signal(with_signal)
            self.server.wait(PATIENCE_S)
            self.server = None

    def until(self, true: Callable[[], Any]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                if true():
                    return
            except (requests.ConnectionError, requests.Timeout):  # a busy host
                pass
            goes_on = self.server is not None and self.server.poll() is None
            assert goes_on, (self.folder / "log").read_text()[-3000:]
            assert time.monotonic() < deadline, (self.folder / "log").read_text()[-3000:]
            time.sleep(0.1)

    def users(self, *names: str, **order: Any) -> list[str]:
        """Add users whose servers do so."""
        self.orders |= dict.fromkeys(names, order)
        (self.folder / "say").write_text(json.dumps(self.orders))
        self.api("POST", "users", json={"usernames": list(names)})
        return list(names)

    def api(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, f"{self.url}/hub/api/{path}", timeout=60, **options)

    def ask(self, name: str) -> None:
        """Ask for a server, without waiting for it."""
        assert self.api("POST", f"users/{name}/server", json={}).status_code in (201, 202)

    def state(self, name: str) -> dict[str, Any]:
        servers: dict[str, Any] = self.api("GET", f"users/{name}").json()["servers"]
        return dict(servers.get("", {}))

    def ready(self, name: str) -> bool:
        return bool(self.state(name).get("ready"))

    def log(self) -> list[list[Any]]:
        """[[seconds, "start" or "stop", user], …]"""
        file = self.folder / "started"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def started(self) -> list[str]:
        return [user for _, what, user in self.log() if what == "start"]

    def until_started(self, name: str) -> None:
        """Wait until the server's process is there."""
        self.until(lambda: name in self.started())

    def release(self, *names: str) -> None:
        """Let their servers, which wait for it (``waits``), answer."""
        for name in names:
            (self.folder / f"go-{name}").touch()

    def told(self, name: str, words: str) -> dict[str, Any]:
        """The event with these words, as the page that waits gets it; fails when the stream ends without."""
        path = f"{self.url}/hub/api/users/{name}/server/progress"
        seen = []
        with self.session.get(path, stream=True, timeout=PATIENCE_S) as answer:
            for line in answer.iter_lines():
                if line.startswith(b"data: "):
                    seen.append(json.loads(line[6:]))
                    if words in seen[-1]["message"]:
                        return dict(seen[-1])
        raise AssertionError(f"no '{words}' in {seen}")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
