"""The hub of this folder's chapters, and names that lead to it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hub_client import HubClient

from localcloud.server import control
from tests.cloud.baking import Baking
from tests.cloud.golden.golden_hub import GoldenHub
from tests.cloud.hubs import everything
from tests.cloud.invoke_runner import InvokeRunner

_names: dict[str, GoldenHub] = {}


@pytest.fixture(scope="session")
def golden(baking: Baking) -> InvokeRunner:
    """Where the golden image of this run was made."""
    done = baking.wait(timeout_s=3600)
    assert done.status == 0, done.err[-20_000:]
    return baking.runner


@pytest.fixture(scope="session")
def golden_hub(golden: InvokeRunner) -> Iterator[GoldenHub]:
    """The hub of chapters 1 to 5."""
    yield (hub := begin(golden, "hub.example.test"))
    golden.invoke("destroy", "--domain", hub.domain, "--yes", "--with-data")


@pytest.fixture(scope="session")
def alice(golden_hub: GoldenHub) -> Iterator[HubClient]:
    """The administrator's browser session, from the first login to the end of the hub."""
    with golden_hub.browser_session() as client:
        yield client


def begin(runner: InvokeRunner, domain: str) -> GoldenHub:
    """A hub that is still to be launched."""
    roots = control.ensure_up(runner.state / "cloud").acme_roots
    assert roots
    _names[domain] = GoldenHub(runner, domain, roots, everything(runner))
    return _names[domain]


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub's name, and what is below it, leads to its address, as it would for its users."""
    real = socket.getaddrinfo

    def resolve(host: Any, *rest: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host)
        known = next((hub for domain, hub in _names.items() if f".{name}".endswith(f".{domain}")), None)
        return real(known.address if known else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
