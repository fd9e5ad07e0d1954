"""Metadata services for the length of a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.machine import imds_server
from localcloud.machine.imds_server import (
    InstanceFacts,
    InstanceMetadata,
    MetadataServer,
    identity_document,
    tree,
)
from tests.localcloud.machine.imds import FACTS, Guest, Serve


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    monkeypatch.setattr(imds_server, "POLL_S", 0.01)
    servers: list[MetadataServer] = []

    def start(facts: InstanceFacts = FACTS, user_data: bytes | None = None, **settings: Any) -> Guest:
        served = InstanceMetadata(tree(facts), user_data, identity_document(facts), **settings)
        server = MetadataServer(tmp_path / "imds", lambda: served)
        server.start()
        servers.append(server)
        return Guest(server.socket)

    yield start
    for server in servers:
        server.stop()
