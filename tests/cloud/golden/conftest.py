"""The hub of this folder's chapters, and names that lead to it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hub_client import HubClient

from localcloud.server import control
from tests.cloud.baking import Baking
from tests.cloud.golden.story import Story
from tests.cloud.hubs import everything
from tests.cloud.workshop import Workshop

_names: dict[str, Story] = {}


@pytest.fixture(scope="session")
def golden(baking: Baking) -> Workshop:
    """The workshop in which the golden image of this run was made."""
    done = baking.wait(timeout_s=3600)
    assert done.status == 0, done.err[-20_000:]
    return baking.workshop


@pytest.fixture(scope="session")
def story(golden: Workshop) -> Iterator[Story]:
    """The hub of chapters 1 to 5."""
    yield (story := begin(golden, "hub.example.test"))
    golden.invoke("destroy", "--domain", story.domain, "--yes", "--with-data")


@pytest.fixture(scope="session")
def alice(story: Story) -> Iterator[HubClient]:
    """The administrator's browser session, from the first login to the end of the story."""
    with story.browser_session() as client:
        yield client


def begin(workshop: Workshop, domain: str) -> Story:
    """A hub that is still to be launched."""
    roots = control.ensure_up(workshop.state / "cloud").acme_roots
    assert roots
    _names[domain] = Story(workshop, domain, roots, everything(workshop))
    return _names[domain]


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub's name, and what is below it, leads to its address, as it would for its users."""
    real = socket.getaddrinfo

    def resolve(host: Any, *rest: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host)
        known = next((story for domain, story in _names.items() if f".{name}".endswith(f".{domain}")), None)
        return real(known.address if known else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
