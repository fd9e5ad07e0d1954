"""What the metadata service has to tell: listings, entries, the identity document, a role's credentials."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from localcloud.machine.imds_server import VERSIONS, InstanceFacts, Tree, tree
from tests.localcloud.machine.imds import FACTS, PUBLIC, Guest, Serve


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
    guest = serve(
        replace(
            FACTS,
            role="hub",
            profile_arn="arn:aws:iam::123456789012:instance-profile/hub",
            credentials=credentials,
        )
    )
    assert guest.get("/latest/meta-data/iam/security-credentials/").text == "hub"
    answer = json.loads(guest.get("/latest/meta-data/iam/security-credentials/hub").text)
    assert answer == {"Code": "Success", "Type": "AWS-HMAC", **credentials}
    assert json.loads(guest.get("/latest/meta-data/iam/info").text)["InstanceProfileArn"].endswith(
        "instance-profile/hub"
    )


@pytest.mark.parametrize("version", ["2009-04-04", "2016-09-02", "2018-09-24", "2021-03-23"])
@pytest.mark.parametrize("facts", [FACTS, PUBLIC], ids=["private", "public"])
def test_cloud_init_finds_the_whole_tree_in_its_versions(
    serve: Serve, version: str, facts: InstanceFacts
) -> None:
    assert _crawled(serve(facts), f"/{version}/meta-data/") == tree(facts)


def _crawled(guest: Guest, folder: str) -> Tree:
    """What cloud-init's MetadataMaterializer does: follow every entry, folders by slash, keys by number."""
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
