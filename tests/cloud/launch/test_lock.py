"""The lock of a hub, with a real Systems Manager endpoint and several machines that want it at once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pytest

from build.aws.session import Clients, Cloud, connect
from build.errors import HubsmithError
from build.hubs import lock
from build.hubs.hub import Hub
from build.hubs.lock import Holder
from tests.cloud.customer import Customer

pytestmark = pytest.mark.vm

HUB, MACHINES = Hub("lock.example.test"), 8
EXPIRED = Holder(
    "ada@elsewhere", "another", "launch", "2026-11-24T00:00:00+00:00", "2026-11-24T02:00:00+00:00"
)


@pytest.fixture
def clients(cloud: Customer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clients]:
    """Of this cloud; each thread is a machine."""
    monkeypatch.setenv("HUBSMITH_STATE", str(tmp_path))
    monkeypatch.setattr(lock, "_machine", lambda: threading.current_thread().name)
    endpoint = cloud.endpoint
    found = connect(Cloud("local", endpoint.region, endpoint.url, endpoint.access_key, endpoint.secret_key))
    yield found
    for parameter in found.ssm.get_parameters_by_path(Path=HUB.prefix)["Parameters"]:
        found.ssm.delete_parameter(Name=parameter["Name"])


def take_at_once(clients: Clients) -> list[Holder]:
    """Those of the machines that got it."""
    together = threading.Barrier(MACHINES)

    def take() -> Holder | None:
        together.wait()
        try:
            return lock._take(HUB, clients, "launch")
        except HubsmithError:
            return None

    with ThreadPoolExecutor(MACHINES) as pool:
        return [
            holder
            for holder in [future.result() for future in [pool.submit(take) for _ in range(MACHINES)]]
            if holder
        ]


def test_one_of_many_gets_it(clients: Clients) -> None:
    winners = take_at_once(clients)
    assert len(winners) == 1
    assert lock._read(HUB, clients) is not None


def test_one_of_many_takes_over_an_expired_one(clients: Clients) -> None:
    for _ in range(5):
        clients.ssm.put_parameter(
            Name=lock.name_of(HUB), Type="String", Value=json.dumps(asdict(EXPIRED)), Overwrite=True
        )
        assert len(take_at_once(clients)) == 1


def test_it_is_given_back_and_only_by_its_holder(clients: Clients) -> None:
    with lock.held(HUB, clients, "launch"):
        assert lock._read(HUB, clients) is not None
        with (
            pytest.raises(HubsmithError, match="another command on this machine"),
            lock.held(HUB, clients, "destroy"),
        ):
            pass
    assert lock._read(HUB, clients) is None

    with lock.held(HUB, clients, "launch"):
        lock._put(HUB, clients, EXPIRED, overwrite=True)  # somebody thought that this machine was gone
    seen = lock._read(HUB, clients)
    assert seen is not None
    assert seen[0] == EXPIRED


def test_one_that_this_machine_left_is_taken_over_at_once(clients: Clients) -> None:
    left = lock._take(HUB, clients, "launch")
    with lock.held(HUB, clients, "launch"):
        seen = lock._read(HUB, clients)
        assert seen is not None
        assert seen[0].since != left.since


def test_a_lock_nobody_can_read_is_no_lock(clients: Clients) -> None:
    clients.ssm.put_parameter(Name=lock.name_of(HUB), Type="String", Value="?")
    with lock.held(HUB, clients, "launch"):
        pass
    assert lock._read(HUB, clients) is None
