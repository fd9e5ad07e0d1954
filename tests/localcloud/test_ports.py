"""Ports: free when chosen, the same ever after."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from localcloud.ports import ADDRESS, COUNT, FIRST, Ports


def test_a_port_stays_the_same(tmp_path: Path) -> None:
    port = Ports(tmp_path).choose("dns")
    assert FIRST <= port < FIRST + COUNT
    assert Ports(tmp_path).choose("dns") == port


def test_no_two_of_one_cloud_are_the_same(tmp_path: Path) -> None:
    ports = Ports(tmp_path)
    assert len({ports.choose(name) for name in ("dns", "acme", "acme-management", "api")}) == 4


def test_a_preferred_port_is_taken_the_first_time_only(tmp_path: Path) -> None:
    wanted = Ports(tmp_path).choose("another")
    (tmp_path / "cloud").mkdir()
    assert Ports(tmp_path / "cloud").choose("api", wanted) == wanted
    assert Ports(tmp_path / "cloud").choose("api", wanted + 1) == wanted


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])
def test_a_port_somebody_has_taken_meanwhile_is_replaced_for_good(
    tmp_path: Path, kind: socket.SocketKind
) -> None:
    port = Ports(tmp_path).choose("dns")
    with socket.socket(type=kind) as squatter:
        squatter.bind((ADDRESS, port))
        if kind == socket.SOCK_STREAM:
            squatter.listen()
        other = Ports(tmp_path).choose("dns")
        assert other != port
    assert Ports(tmp_path).choose("dns") == other


def test_an_unreadable_file_is_as_none(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text("rubbish")
    assert Ports(tmp_path).choose("dns")
