"""The image, the hub that most files look at, and a domain for one test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cloud.hubs import Site, everything
from tests.cloud.workshop import Build, Workshop


@pytest.fixture(scope="package")
def image(workshop: Workshop, greeting: Build) -> str:
    """A published tiny image that stands in the channel; a test of the bake may have taken the first."""
    rows = json.loads(workshop.invoke("images", "--json").out)
    in_channel = any(row["id"] == greeting.done.last and row["channel"] == "stable" for row in rows)
    return (greeting if in_channel else Build.of(workshop)).done.last


@pytest.fixture(scope="package")
def before(workshop: Workshop, image: str) -> dict[str, list[str]]:
    return everything(workshop)


@pytest.fixture(scope="package")
def site(workshop: Workshop, before: dict[str, list[str]]) -> Site:
    return Site(workshop, "hub.example.test")


@pytest.fixture(scope="package")
def made(site: Site, before: dict[str, list[str]]) -> Iterator[dict[str, Any]]:
    """A hub that most tests look at; afterwards nothing of it may be left."""
    yield site.launched()
    site.destroy()
    assert everything(site.workshop) == before


@pytest.fixture
def other(workshop: Workshop, image: str) -> Iterator[Site]:
    """A domain of one test's own."""
    there = everything(workshop)
    site = Site(workshop, "other.example.test")
    yield site
    site.destroy()
    assert everything(workshop) == there
