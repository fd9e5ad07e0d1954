"""Kernels and terminals of a running server, through their websockets, as JupyterLab has them."""

from __future__ import annotations

import json
import time
import uuid
from types import TracebackType
from typing import TYPE_CHECKING, Any

import requests
import websocket
from hub_client import HubError

if TYPE_CHECKING:
    from hub_client import HubClient


class Kernel:
    """A running kernel and the websocket to it."""

    def __init__(self, client: HubClient, kernel_id: str, server: str = "") -> None:
        self.client = client
        self.kernel_id = kernel_id
        self.server = server
        self._socket: websocket.WebSocket | None = None

    @classmethod
    def start(cls, client: HubClient, name: str = "python3", server: str = "") -> Kernel:
        """Start a kernel in the running server; use it as a context manager.

        Raises HubError if it is refused.
        """
        answer = client.server_api("POST", "kernels", server, json={"name": name})
        if answer.status_code != requests.codes.created:
            raise HubError(f"no kernel: status {answer.status_code}, {answer.text[:300]}")
        return cls(client, answer.json()["id"], server)

    def __enter__(self) -> Kernel:
        self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.disconnect()
        if kind is None:
            self.client.server_api("DELETE", f"kernels/{self.kernel_id}", self.server).raise_for_status()

    def connect(self) -> None:
        """Open the websocket and wait until the kernel answers. Raises HubError when it does not in time.

        The server closes a websocket whose kernel takes long to start
        (MappingKernelManager.kernel_info_timeout) or which left its pings unanswered; a page of JupyterLab
        opens it again, and so does this.
        """
        deadline = time.monotonic() + self.client.timeout_s
        while True:
            try:
                self._socket = self.client.socket(
                    f"{self.client.base(self.server)}api/kernels/{self.kernel_id}/channels"
                )
                self._ask("kernel_info_request", {})
            except (websocket.WebSocketException, ConnectionError) as exc:
                if time.monotonic() > deadline:
                    raise HubError(f"kernel {self.kernel_id} cannot be reached: {exc}") from exc
                time.sleep(1)
            else:
                return

    def disconnect(self) -> None:
        """Close the websocket; the kernel goes on."""
        if self._socket:
            self._socket.close()

    @property
    def socket(self) -> websocket.WebSocket:
        """The websocket, which `connect` opens."""
        if self._socket is None:
            raise HubError(f"kernel {self.kernel_id} is not connected")
        return self._socket

    def run(self, code: str) -> str:
        """Run ``code`` and return what it printed and its value, without blank lines around.

        Raises HubError if it fails.
        """
        if not self._is_open():
            self.connect()
        return self._ask(
            "execute_request", {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
        )

    def _is_open(self) -> bool:
        """Read what came since the last question, which answers pings; False when the server said goodbye."""
        self.socket.settimeout(0.1)
        try:
            while self.socket.recv_data(control_frame=True)[0] != websocket.ABNF.OPCODE_CLOSE:
                pass
        except websocket.WebSocketTimeoutException:
            return True
        except (websocket.WebSocketException, ConnectionError):
            return False
        finally:
            self.socket.settimeout(self.client.timeout_s)
        return False

    def _ask(self, kind: str, content: dict[str, Any]) -> str:
        message_id = uuid.uuid4().hex
        header = {
            "msg_id": message_id,
            "msg_type": kind,
            "username": "",
            "session": uuid.uuid4().hex,
            "version": "5.3",
        }
        message = {
            "header": header,
            "parent_header": {},
            "metadata": {},
            "content": content,
            "channel": "shell",
        }
        self.socket.send(json.dumps(message))
        return self._answer(message_id)

    def _answer(self, message_id: str) -> str:
        output: list[str] = []
        while True:
            message = self._receive()
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

    def _receive(self) -> dict[str, Any]:
        opcode, data = self.socket.recv_data()
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            code = int.from_bytes(data[:2], "big") if data else "none"
            raise websocket.WebSocketConnectionClosedException(
                f"closed by the server, code {code}: {data[2:].decode()}"
            )
        message: dict[str, Any] = json.loads(data)
        return message


def in_a_terminal(client: HubClient, line: str, awaited: str) -> str:
    """Type ``line`` into a new terminal; return what the terminal showed up to ``awaited``.

    Raises HubError if that never comes.
    """
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
