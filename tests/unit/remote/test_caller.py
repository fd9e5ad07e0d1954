"""Who may reach the builder: what the manifest says, else this machine as the internet sees it."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from build.errors import HubsmithError
from build.manifest import Builder
from build.remote.public_ip import caller_cidr
from tests.web import answering


class Answer(BaseHTTPRequestHandler):
    text = ""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.text.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[ThreadingHTTPServer]:
    with answering(ThreadingHTTPServer(("127.0.0.1", 0), Answer)) as server:
        yield server


def seen_by(server: ThreadingHTTPServer, text: str, **settings: str) -> str:
    Answer.text = text
    return caller_cidr(
        Builder.model_validate({"caller_ip_url": f"http://127.0.0.1:{server.server_port}/", **settings})
    )


def test_it_is_this_one_address(service: ThreadingHTTPServer) -> None:
    assert seen_by(service, "203.0.113.7\n") == "203.0.113.7/32"


def test_what_the_manifest_says_goes_before(service: ThreadingHTTPServer) -> None:
    assert seen_by(service, "203.0.113.7", caller_cidr="198.51.100.0/24") == "198.51.100.0/24"


@pytest.mark.parametrize("text", ["<html>please log in</html>", "", "0.0.0.0/0", "2001:db8::1"])
def test_an_answer_that_is_no_address_opens_nothing(service: ThreadingHTTPServer, text: str) -> None:
    with pytest.raises(HubsmithError, match="did not return this machine's address") as caught:
        seen_by(service, text)
    assert "builder.caller_cidr" in str(caught.value.hint)
