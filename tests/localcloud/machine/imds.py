"""A guest of the metadata service: what it is told, and how it asks."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tests.cloud import guest

FACTS = replace(guest.FACTS, instance_type="t3.large", security_groups={"sg-01": "web", "sg-02": "ssh"})
PUBLIC = replace(
    FACTS,
    public_ip="127.77.3.4",
    key_name="my-key",
    public_key="ssh-ed25519 AAAA my-key\n",
    tags={"Name": "hub", "a=b": "c"},
)
TTL = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN = "X-aws-ec2-metadata-token"


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("169.254.169.254", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Guest:
    """Asks the way a guest asks; every request is a connection of its own, as with socat."""

    path: Path

    def ask(self, method: str, path: str, **headers: str) -> Answer:
        connection = _Connection(self.path)
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        answer = Answer(response.status, response.read().decode(), dict(response.headers))
        connection.close()
        return answer

    def token(self, ttl: str = "60") -> str:
        answer = self.ask("PUT", "/latest/api/token", **{TTL: ttl})
        assert answer.status == 200
        return answer.text

    def get(self, path: str) -> Answer:
        return self.ask("GET", path, **{TOKEN: self.token()})


Serve = Callable[..., Guest]
