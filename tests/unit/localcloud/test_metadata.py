"""The instance metadata service, asked over its socket as a guest asks."""

from __future__ import annotations

import http.client
import json
import logging
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from itsdangerous import TimestampSigner

from build.localcloud.metadata import (
    VERSIONS,
    InstanceFacts,
    InstanceMetadata,
    MetadataServer,
    Tree,
    identity_document,
    tree,
)

FACTS = InstanceFacts(
    instance_id="i-0123456789abcdef0",
    image_id="ami-0123456789abcdef0",
    instance_type="t3.large",
    availability_zone="us-east-1a",
    region="us-east-1",
    account="123456789012",
    mac="02:00:00:00:00:01",
    private_ip="172.31.1.2",
    local_hostname="ip-172-31-1-2.ec2.internal",
    interface_id="eni-0123456789abcdef0",
    subnet_id="subnet-0123456789abcdef0",
    subnet_cidr="172.31.0.0/20",
    vpc_id="vpc-0123456789abcdef0",
    vpc_cidr="172.31.0.0/16",
    launch_time="2026-11-23T11:30:00Z",
    reservation_id="r-0123456789abcdef0",
    security_groups={"sg-01": "web", "sg-02": "ssh"},
)
PUBLIC = replace(FACTS, public_ip="127.77.3.4", key_name="my-key", public_key="ssh-ed25519 AAAA my-key\n", tags={"Name": "hub", "a=b": "c"})
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


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    servers: list[MetadataServer] = []

    def start(facts: InstanceFacts = FACTS, user_data: bytes | None = None, **settings: Any) -> Guest:
        metadata = InstanceMetadata(tree(facts), user_data, identity_document(facts), **settings)
        server = MetadataServer(tmp_path / "imds", lambda: metadata)
        server.start()
        servers.append(server)
        return Guest(server.socket)

    yield start
    for server in servers:
        server.stop()


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
    assert guest.ask("PUT", "/latest/api/token", **{TTL: "21600"}).headers["X-Aws-Ec2-Metadata-Token-Ttl-Seconds"] == "21600"


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


@pytest.mark.parametrize(
    ("path", "listing"),
    [
        ("/", [*VERSIONS]),
        ("/latest", ["dynamic", "meta-data"]),
        ("/latest/", ["dynamic", "meta-data"]),
        ("/latest/meta-data/network/", ["interfaces/"]),
        ("/latest/meta-data/network", ["interfaces/"]),
        ("/latest/meta-data/network/interfaces/macs/", ["02:00:00:00:00:01/"]),
        ("/latest/meta-data/public-keys/", ["0=my-key"]),
        ("/latest/meta-data/public-keys/0/", ["openssh-key"]),
        ("/latest/meta-data/public-keys/0/openssh-key", ["ssh-ed25519 AAAA my-key"]),
        ("/latest/meta-data/tags/instance", ["Name", "a=b"]),
        ("/latest/meta-data/tags/instance/a=b", ["c"]),
        ("/latest/meta-data/security-groups", ["web", "ssh"]),
        ("/latest/meta-data/placement/availability-zone", ["us-east-1a"]),
        ("/latest/dynamic/instance-identity/", ["document"]),
    ],
)
def test_listings(serve: Serve, path: str, listing: list[str]) -> None:
    answer = serve(PUBLIC).get(path)
    assert answer.status == 200
    assert answer.text.split("\n") == listing
    assert answer.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize(
    "path",
    [
        "/latest/meta-data/nothing",
        "/latest/meta-data/instance-id/more",
        "/latest/meta-data/public-keys/1/openssh-key",
        "/latest/meta-data/tags/instance/a",
        "/latest/user-data",
        "/1999-01-01/meta-data/",
        "/nothing",
    ],
)
def test_what_is_not_there_is_404(serve: Serve, path: str) -> None:
    assert serve(PUBLIC).get(path).status == 404


def test_an_entry_answers_with_a_slash_after_it_too(serve: Serve) -> None:
    """botocore asks for the availability zone so."""
    assert serve().get("/latest/meta-data/placement/availability-zone/").text == "us-east-1a"


def test_an_instance_without_key_address_role_or_tags_has_no_such_entries(serve: Serve) -> None:
    guest = serve(FACTS)
    for name in ("public-keys/", "public-ipv4", "iam/", "iam/security-credentials/", "tags/"):
        assert guest.get(f"/latest/meta-data/{name}").status == 404


def test_user_data_comes_back_byte_for_byte(serve: Serve) -> None:
    assert serve(user_data=b"#cloud-config\nname: \xc3\xa9\n").get("/latest/user-data").text == "#cloud-config\nname: é\n"


def test_head_has_headers_and_no_body(serve: Serve) -> None:
    answer = serve(http_tokens="optional").ask("HEAD", "/latest/meta-data/instance-id")
    assert (answer.status, answer.text, answer.headers["Content-Length"]) == (200, "", "19")


def test_other_methods_are_refused(serve: Serve) -> None:
    guest = serve(http_tokens="optional")
    assert {method: guest.ask(method, "/latest/meta-data/").status for method in ("POST", "DELETE", "PUT")} == {
        "POST": 405,
        "DELETE": 405,
        "PUT": 405,
    }


def test_the_identity_document_is_json(serve: Serve) -> None:
    document = json.loads(serve().get("/latest/dynamic/instance-identity/document").text)
    assert document["instanceId"] == "i-0123456789abcdef0"
    assert document["accountId"] == "123456789012"
    assert document["region"] == "us-east-1"


def test_role_credentials_are_what_botocore_reads(serve: Serve) -> None:
    credentials = {
        "AccessKeyId": "ASIA",
        "SecretAccessKey": "secret",
        "Token": "token",
        "LastUpdated": "2026-11-23T11:30:00Z",
        "Expiration": "2026-11-23T17:30:00Z",
    }
    guest = serve(replace(FACTS, role="hub", profile_arn="arn:aws:iam::123456789012:instance-profile/hub", credentials=credentials))
    assert guest.get("/latest/meta-data/iam/security-credentials/").text == "hub"
    answer = json.loads(guest.get("/latest/meta-data/iam/security-credentials/hub").text)
    assert answer == {"Code": "Success", "Type": "AWS-HMAC", **credentials}
    assert json.loads(guest.get("/latest/meta-data/iam/info").text)["InstanceProfileArn"].endswith("instance-profile/hub")


@pytest.mark.parametrize("version", ["2009-04-04", "2016-09-02", "2018-09-24", "2021-03-23"])
@pytest.mark.parametrize("facts", [FACTS, PUBLIC], ids=["private", "public"])
def test_cloud_init_finds_the_whole_tree_in_its_versions(serve: Serve, version: str, facts: InstanceFacts) -> None:
    assert _crawled(serve(facts), f"/{version}/meta-data/") == tree(facts)


def _crawled(guest: Guest, folder: str) -> Tree:
    """What cloud-init's MetadataMaterializer does: follow every entry, folders by their slash, keys by their number."""
    found: dict[str, Any] = {}
    for entry in guest.get(folder).text.split("\n"):
        if folder.endswith("public-keys/"):
            found[entry] = _crawled(guest, f"{folder}{entry.split('=')[0]}/")
        elif entry.endswith("/"):
            found[entry[:-1]] = _crawled(guest, folder + entry)
        else:
            answer = guest.get(folder + entry)
            assert answer.status == 200, folder + entry
            found[entry] = answer.text
    return found


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
