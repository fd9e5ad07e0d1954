"""Addresses of local clouds: unique on the host, kept through restarts, free when a cloud is gone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from build.errors import MachineError
from localcloud.machine import address_pool as network_module
from localcloud.machine.address_pool import RANGE, AddressPool, registry_dir, why_not_listen
from tests.conftest import REPO


@pytest.fixture(autouse=True)
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()


def cloud(tmp_path: Path, name: str) -> Path:
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    return folder


def network_of(address: str) -> str:
    return address.rpartition(".")[0]


def test_addresses_are_unique_and_of_one_network(tmp_path: Path) -> None:
    pool = AddressPool(cloud(tmp_path, "a"))
    addresses = [pool.allocate() for _ in range(20)]
    assert len(set(addresses)) == 20
    assert len({network_of(address) for address in addresses}) == 1
    assert all(IPv4Address(address) in RANGE for address in addresses)
    assert not any(address.endswith((".0", ".255")) for address in addresses)


def test_a_released_address_is_given_out_again(tmp_path: Path) -> None:
    pool = AddressPool(cloud(tmp_path, "a"))
    first, second = pool.allocate(), pool.allocate()
    pool.release(first)
    pool.release(first)
    assert pool.allocate() == first
    assert pool.allocate() not in (first, second)


def test_a_cloud_has_254_addresses_and_says_when_they_are_gone(tmp_path: Path) -> None:
    pool = AddressPool(cloud(tmp_path, "a"))
    assert len({pool.allocate() for _ in range(254)}) == 254
    with pytest.raises(MachineError, match="no address left"):
        pool.allocate()


def test_after_a_restart_the_network_is_the_same_and_reserved_addresses_are_not_given_out(
    tmp_path: Path,
) -> None:
    folder = cloud(tmp_path, "a")
    before = AddressPool(folder)
    kept = [before.allocate(), before.allocate()]
    after = AddressPool(folder)
    for address in kept:
        after.reserve(address)
    fresh = after.allocate()
    assert fresh not in kept
    assert network_of(fresh) == network_of(kept[0])


def test_two_clouds_never_share_a_network(tmp_path: Path) -> None:
    pools = [AddressPool(cloud(tmp_path, f"cloud-{number}")) for number in range(40)]
    assert len({network_of(pool.allocate()) for pool in pools}) == 40


def test_two_clouds_starting_at_once_never_share_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(network: IPv4Network) -> Path | None:
        holder = read(network)
        time.sleep(0.001)  # long enough for another cloud to come between the look and the claim
        return holder

    read = network_module._holder
    monkeypatch.setattr(network_module, "_holder", slowly)
    monkeypatch.setattr(network_module, "RANGE", IPv4Network("127.77.0.0/21"))
    pools = [AddressPool(cloud(tmp_path, f"cloud-{number}")) for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        addresses = list(threads.map(AddressPool.allocate, pools))
    assert len({network_of(address) for address in addresses}) == 8


def test_a_cloud_stays_in_the_network_it_has(tmp_path: Path) -> None:
    pool = AddressPool(cloud(tmp_path, "a"))
    first = pool.allocate()
    pool.close()
    elsewhere = "127.77.7.7" if network_of(first) != "127.77.7" else "127.77.8.8"
    pool.reserve(elsewhere)
    assert network_of(pool.allocate()) == network_of(elsewhere)


def test_another_clouds_address_cannot_be_reserved(tmp_path: Path) -> None:
    address = AddressPool(cloud(tmp_path, "a")).allocate()
    with pytest.raises(MachineError, match="another local cloud has taken"):
        AddressPool(cloud(tmp_path, "b")).reserve(address)


def test_an_address_from_elsewhere_cannot_be_reserved(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="not an address of the local cloud"):
        AddressPool(cloud(tmp_path, "a")).reserve("127.0.0.1")


def test_what_a_vanished_cloud_claimed_is_free(tmp_path: Path) -> None:
    gone = cloud(tmp_path, "gone")
    address = AddressPool(gone).allocate()
    gone.rmdir()
    AddressPool(cloud(tmp_path, "heir")).reserve(address)


def test_closing_gives_the_claim_up(tmp_path: Path) -> None:
    pool = AddressPool(cloud(tmp_path, "a"))
    address = pool.allocate()
    pool.close()
    AddressPool(cloud(tmp_path, "b")).reserve(address)


def test_a_tidied_temp_folder_costs_nothing(tmp_path: Path) -> None:
    pool = AddressPool(cloud(tmp_path, "a"))
    address = pool.allocate()
    for path in registry_dir().iterdir():
        path.unlink()
    assert network_of(pool.allocate()) == network_of(address)
    with pytest.raises(MachineError):
        AddressPool(cloud(tmp_path, "b")).reserve(address)


def test_a_free_port_has_no_problem() -> None:
    assert why_not_listen("127.77.255.1", 40022) is None


def test_a_taken_port_is_told_from_others() -> None:
    with socket.create_server(("127.77.255.1", 0)) as listener:
        port = listener.getsockname()[1]
        problem = why_not_listen("127.77.255.1", port)
        assert problem is not None
        assert "Address already in use" in problem.message
        assert problem.hint is not None
        assert f"sport = :{port}" in problem.hint
        assert why_not_listen("127.77.255.2", port) is None


def test_a_privileged_port_names_the_sysctl() -> None:
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 22:
        pytest.skip("on this host no port from 22 on is privileged")
    program = (
        "from localcloud.machine.address_pool import why_not_listen as ask; print(ask('127.77.255.1', "
        "22).hint)"
    )
    as_ordinary_user = ["setpriv", "--bounding-set=-net_bind_service"] if os.getuid() == 0 else []
    done = subprocess.run(
        [*as_ordinary_user, sys.executable, "-c", program],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "once, as root: sysctl -w net.ipv4.ip_unprivileged_port_start=22\n", done.stderr
