"""The kept state: everything moto holds comes back, and a file that cannot be read is not lost."""

from __future__ import annotations

import io
import json
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.core.base_backend import BackendDict

from localcloud.cloudformation.stacks import Stack
from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.host import Host
from localcloud.ec2.install import install
from localcloud.ec2.models import LocalInstance, LocalVolume
from localcloud.server import daemon, state_store
from localcloud.server.services import SERVICES

ACCOUNT, REGION = "123456789012", "eu-central-1"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    host.open()
    install(host)
    yield host
    forget()
    host.close()


def forget() -> None:
    for service in SERVICES.values():
        for account in service.values():
            account.clear()


def backend(service: str, region: str = REGION) -> Any:
    known: BackendDict[Any] = SERVICES[service]
    return known[ACCOUNT][region]


def keep_and_restore(host: Host) -> None:
    keeper = state_store.StateStore(host.folder, SERVICES, host.lock)
    keeper.save()
    forget()
    assert state_store.load(keeper.path, SERVICES) is not None


def test_ec2_comes_back_with_groups_rules_keys_and_tags(host: Host) -> None:
    ec2 = backend("ec2")
    group = ec2.create_security_group("web", "for the web", tags={"a": "b"})
    ec2.authorize_security_group_ingress(group.id, "tcp", "443", "443", [{"CidrIp": "0.0.0.0/0"}])
    ec2.create_key_pair("mine", "ed25519", {})
    vpc_id = ec2.default_vpc.id
    keep_and_restore(host)
    restored = backend("ec2")
    assert isinstance(restored, LocalBackend)
    assert restored is not ec2
    found = restored.get_security_group_from_id(group.id)
    assert found
    assert [(rule.from_port, rule.cidr_ipv4) for rule in found.ingress_rules] == [(443, "0.0.0.0/0")]
    assert found.get_tags()[0]["value"] == "b"
    assert list(restored.key_pairs) == ["mine"]
    assert restored.default_vpc.id == vpc_id


def test_ssm_parameters_come_back_with_versions_and_tags(host: Host) -> None:
    ssm = backend("ssm")
    for value in ("ami-1", "ami-2"):
        ssm.put_parameter("/hubsmith/latest", "", value, "String", "", "", True, [], "text", "Standard", "")
    ssm.add_tags_to_resource("Parameter", "/hubsmith/latest", {"owner": "me"})
    keep_and_restore(host)
    restored = backend("ssm")
    assert restored.get_parameter("/hubsmith/latest").value == "ami-2"
    assert restored.get_parameter("/hubsmith/latest:1").value == "ami-1"
    assert restored.list_tags_for_resource("Parameter", "/hubsmith/latest") == {"owner": "me"}
    restored.put_parameter(
        "/another",
        "",
        "x",
        "String",
        "",
        "",
        False,
        [{"Key": "still", "Value": "works"}],
        "text",
        "Standard",
        "",
    )


def test_zones_and_roles_come_back(host: Host) -> None:
    zone = backend("route53", "aws").create_hosted_zone(
        "example.org", private_zone=False, caller_reference="x"
    )
    backend("iam", "aws").create_role("hub", "{}", "/", None, "", {}, "3600")
    keep_and_restore(host)
    assert backend("route53", "aws").get_hosted_zone(zone.id).name.rstrip(".") == "example.org"
    assert backend("iam", "aws").get_role("hub").name == "hub"


def test_no_file_is_an_empty_cloud(host: Host) -> None:
    assert state_store.load(host.folder / state_store.FILE_NAME, SERVICES) is None


@pytest.mark.parametrize(
    ("former", "now"),
    [
        ("build.localcloud.state _tag_table", state_store._tag_table),
        ("build.localcloud.ec2.backend LocalBackend", LocalBackend),
        ("build.localcloud.ec2.models.volume LocalVolume", LocalVolume),
        ("build.localcloud.ec2.models.instance LocalInstance", LocalInstance),
        ("build.localcloud.cloudformation.stacks Stack", Stack),
    ],
)
def test_what_a_state_of_hubsmith_0_1_names_is_found(former: str, now: object) -> None:
    module, name = former.split()
    assert state_store._Unpickler(io.BytesIO(f"c{module}\n{name}\n.".encode())).load() is now


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not a state file"),
        (b"rubbish", "is not a state file"),
        (
            json.dumps({"schema": 99, "moto": "9", "boot_id": ""}).encode() + b"\n",
            "another version of Hubsmith",
        ),
        (
            json.dumps({"schema": state_store.SCHEMA, "moto": "1.2.3", "boot_id": ""}).encode()
            + b"\nrubbish",
            "written by moto 1.2.3, cannot be read",
        ),
    ],
)
def test_a_file_that_cannot_be_read_says_why(host: Host, content: bytes, words: str) -> None:
    path = host.folder / state_store.FILE_NAME
    path.write_bytes(content)
    with pytest.raises(state_store.UnreadableStateError, match=words):
        state_store.load(path, SERVICES)


def test_an_unreadable_state_is_set_aside_with_its_disks(host: Host) -> None:
    (host.folder / state_store.FILE_NAME).write_bytes(b"rubbish")
    host.layers.create_blank("vol-1", 1)
    daemon._restore(host)
    aside = next(host.folder.glob("unreadable-*"))
    assert (aside / state_store.FILE_NAME).read_bytes() == b"rubbish"
    assert (aside / "layers" / "vol-1.qcow2").exists()
    assert not (host.folder / state_store.FILE_NAME).exists()


def test_an_older_state_never_replaces_a_newer_one(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads have changed the model; the one that took its copy first comes last to the disk."""
    keeper = state_store.StateStore(host.folder, SERVICES, host.lock)
    written: list[bytes] = []
    contents = iter([b"old", b"new"])
    may_write_old = threading.Event()
    old_is_taken = threading.Event()

    def dump(_: object) -> bytes:
        content = next(contents)
        old_is_taken.set()
        return content

    class Slow:
        """Lets the first thread wait between taking its copy and writing it."""

        def __init__(self) -> None:
            self.lock = threading.Lock()

        def __enter__(self) -> None:
            if threading.current_thread().name == "old":
                may_write_old.wait(10)
            self.lock.acquire()

        def __exit__(self, *_: object) -> None:
            self.lock.release()

    monkeypatch.setattr(state_store, "dump", dump)
    monkeypatch.setattr(state_store, "_replace", lambda _, content: written.append(content))
    monkeypatch.setattr(keeper, "_writing", Slow())
    first = threading.Thread(target=keeper.save, name="old")
    first.start()
    old_is_taken.wait(10)
    keeper.save()
    may_write_old.set()
    first.join()
    assert written == [b"new"]


def test_a_crash_while_writing_leaves_the_state_before(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = state_store.StateStore(host.folder, SERVICES, host.lock)
    backend("ec2").create_key_pair("before", "ed25519", {})
    keeper.save()

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", crash)
    backend("ec2").create_key_pair("after", "ed25519", {})
    with pytest.raises(KeyboardInterrupt):
        keeper.save()
    forget()
    state_store.load(keeper.path, SERVICES)
    assert list(backend("ec2").key_pairs) == ["before"]


def test_the_state_says_what_it_is_without_being_unpickled(host: Host) -> None:
    backend("ec2")
    line, _, body = state_store.dump(SERVICES).partition(b"\n")
    assert json.loads(line)["schema"] == state_store.SCHEMA
    assert set(pickle.loads(body)) == set(SERVICES)
