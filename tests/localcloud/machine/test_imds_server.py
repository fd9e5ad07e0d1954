"""The instance metadata service, asked over its socket as a guest asks: tokens, methods, what is current."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path

import pytest
from itsdangerous import TimestampSigner

from localcloud.machine.imds_server import InstanceMetadata, MetadataServer, tree
from tests.localcloud.machine.imds import FACTS, PUBLIC, TOKEN, TTL, Guest, Serve


def test_a_token_is_needed_where_required(serve: Serve) -> None:
    guest = serve()
    assert guest.ask("GET", "/latest/meta-data/instance-id").status == 401
    assert guest.ask("GET", "/latest/meta-data/instance-id", **{TOKEN: "made-up"}).status == 401
    assert guest.get("/latest/meta-data/instance-id").text == "i-0123456789abcdef0"


def test_where_optional_a_wrong_token_is_still_wrong(serve: Serve) -> None:
    guest = serve(http_tokens="optional")
    assert guest.ask("GET", "/latest/meta-data/instance-id").text == "i-0123456789abcdef0"
    assert guest.ask("GET", "/latest/meta-data/instance-id", **{TOKEN: "made-up"}).status == 401


@pytest.mark.parametrize("ttl", ["0", "21601", "-1", "", "six", "1.5", "²"])
def test_a_token_lives_1_to_21600_seconds(serve: Serve, ttl: str) -> None:
    assert serve().ask("PUT", "/latest/api/token", **{TTL: ttl.encode().decode("latin-1")}).status == 400


def test_a_token_request_must_name_a_lifetime_and_not_come_through_a_proxy(serve: Serve) -> None:
    guest = serve()
    assert guest.ask("PUT", "/latest/api/token").status == 400
    assert guest.ask("PUT", "/latest/api/token", **{TTL: "60", "X-Forwarded-For": "10.0.0.1"}).status == 403
    assert guest.ask("GET", "/latest/api/token").status == 405
    assert (
        guest.ask("PUT", "/latest/api/token", **{TTL: "21600"}).headers[
            "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
        ]
        == "21600"
    )


def test_a_token_expires(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    guest = serve()
    short, long = guest.token("60"), guest.token("3600")
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: int(time.time()) + 61)
    assert guest.ask("GET", "/latest/meta-data/instance-id", **{TOKEN: short}).status == 401
    assert guest.ask("GET", "/latest/meta-data/instance-id", **{TOKEN: long}).status == 200


def test_tokens_outlive_a_restart_of_the_server(serve: Serve) -> None:
    token = serve().token()
    assert serve().ask("GET", "/latest/meta-data/instance-id", **{TOKEN: token}).status == 200


def test_a_disabled_endpoint_answers_nothing(serve: Serve) -> None:
    guest = serve(http_endpoint="disabled")
    assert guest.ask("PUT", "/latest/api/token", **{TTL: "60"}).status == 403
    assert guest.ask("GET", "/latest/meta-data/").status == 403


def test_what_is_looked_up_is_always_current(tmp_path: Path) -> None:
    current = [InstanceMetadata(tree(FACTS), None, {}, http_tokens="optional")]
    server = MetadataServer(tmp_path / "imds", lambda: current[0])
    server.start()
    guest = Guest(server.socket)
    assert guest.get("/latest/meta-data/public-ipv4").status == 404
    current[0] = replace(current[0], tree=tree(PUBLIC))
    assert guest.get("/latest/meta-data/public-ipv4").text == "127.77.3.4"
    server.stop()
    assert not server.socket.exists()
    server.stop()


def test_user_data_comes_back_byte_for_byte(serve: Serve) -> None:
    assert (
        serve(user_data=b"#cloud-config\nname: \xc3\xa9\n").get("/latest/user-data").text
        == "#cloud-config\nname: é\n"
    )


def test_head_has_headers_and_no_body(serve: Serve) -> None:
    answer = serve(http_tokens="optional").ask("HEAD", "/latest/meta-data/instance-id")
    assert (answer.status, answer.text, answer.headers["Content-Length"]) == (200, "", "19")


def test_other_methods_are_refused(serve: Serve) -> None:
    guest = serve(http_tokens="optional")
    assert {
        method: guest.ask(method, "/latest/meta-data/").status for method in ("POST", "DELETE", "PUT")
    } == {
        "POST": 405,
        "DELETE": 405,
        "PUT": 405,
    }


def test_a_failing_lookup_is_500_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> InstanceMetadata:
        raise KeyError("i-gone")

    server = MetadataServer(tmp_path / "imds", fail)
    server.start()
    with caplog.at_level(logging.ERROR, "hubsmith.localcloud"):
        assert Guest(server.socket).ask("GET", "/latest/meta-data/").status == 500
    assert "i-gone" in caplog.text
    server.stop()


def test_a_token_and_an_answer_take_less_than_20_ms(serve: Serve) -> None:
    guest = serve()
    guest.get("/latest/meta-data/instance-id")
    seconds = []
    for _ in range(20):
        before = time.perf_counter()
        guest.get("/latest/meta-data/instance-id")
        seconds.append(time.perf_counter() - before)
    # The best of many: other processes of a busy host are not what is measured.
    assert min(seconds) < 0.020
