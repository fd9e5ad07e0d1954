"""Kernels and terminals of a running server, through their websockets, as JupyterLab has them."""

from __future__ import annotations

import json
import time
import uuid
from types import TracebackType
from typing import TYPE_CHECKING

import requests
from hub_client import HubError

if TYPE_CHECKING:
    import websocket
    from hub_client import HubClient


class Kernel:
    """A running kernel and the websocket to it."""

    def __init__(self, client: HubClient, kernel_id: str, server: str = "") -> None:
        self.client = client
        self.kernel_id = kernel_id
        self.server = server
        self.socket: websocket.WebSocket | None = None

    @classmethod
    def start(cls, client: HubClient, name: str = "python3", server: str = "") -> Kernel:
        """Start a kernel in the running server; use it as a context manager. Raises HubError if it is refused."""
        answer = client.server_api("POST", "kernels", server, json={"name": name})
        if answer.status_code != requests.codes.created:
            raise HubError(f"no kernel: status {answer.status_code}, {answer.text[:300]}")
        return cls(client, answer.json()["id"], server)

    def __enter__(self) -> Kernel:
        self.connect()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self.socket:
            self.socket.close()
        if kind is None:
            self.client.server_api("DELETE", f"kernels/{self.kernel_id}", self.server).raise_for_status()

    def connect(self) -> None:
        """Open the websocket; again, after the proxy was started anew and closed the first one."""
        self.socket = self.client.socket(f"{self.client.base(self.server)}api/kernels/{self.kernel_id}/channels")

    def run(self, code: str) -> str:
        """Run ``code`` and return what it printed and its value, without blank lines around. Raises HubError if it fails."""
        message_id = self._send(code)
        output: list[str] = []
        while True:
            message = json.loads(self.socket.recv())
            if message.get("parent_header", {}).get("msg_id") != message_id:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                output.append(content["text"])
            elif kind in ("execute_result", "display_data"):
                output.append(content["data"].get("text/plain", ""))
            elif kind == "error":
                raise HubError(f"{content['ename']}: {content['evalue']}")
            elif kind == "status" and content["execution_state"] == "idle":
                return "".join(output).strip()

    def _send(self, code: str) -> str:
        message_id = uuid.uuid4().hex
        header = {"msg_id": message_id, "msg_type": "execute_request", "username": "", "session": uuid.uuid4().hex, "version": "5.3"}
        content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False, "stop_on_error": True}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        self.socket.send(json.dumps(message))
        return message_id


def in_a_terminal(client: HubClient, line: str, awaited: str) -> str:
    """Type ``line`` into a new terminal; return what the terminal showed up to ``awaited``. Raises HubError if that never comes."""
    answer = client.server_api("POST", "terminals")
    answer.raise_for_status()
    name, shown = answer.json()["name"], ""
    socket = client.socket(f"{client.base()}terminals/websocket/{name}")
    deadline = time.monotonic() + client.timeout_s
    try:
        socket.send(json.dumps(["stdin", f"{line}\r"]))
        while awaited not in shown:
            if time.monotonic() > deadline:
                raise HubError(f"the terminal showed only: {shown}")
            kind, *content = json.loads(socket.recv())
            shown += content[0] if kind == "stdout" else ""
    finally:
        socket.close()
        client.server_api("DELETE", f"terminals/{name}")
    return shown
