"""On a hub with subdomains its pages are on its own host; JupyterHub, which is not here, is stood in for by
the few names that count.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


class Handler:
    """As much of JupyterHub's BaseHandler as is looked at; ``done`` is what came of a request."""

    def __init__(
        self, host: str, method: str = "GET", uri: str = "/hub/home?x=1", subdomains: bool = True
    ) -> None:
        self.request = SimpleNamespace(host_name=host, method=method, uri=uri)
        self.subdomain_host = "https://hub.example.test" if subdomains else ""
        self.domain = "hub.example.test"  # without subdomains too, where a site sets public_url
        self.done: list[object] = []

    async def prepare(self) -> None:
        self.done.append("prepared")

    def set_status(self, status: int) -> None:
        self.done.append(status)

    def finish(self) -> None:
        self.done.append("finished")

    def redirect(self, url: str) -> None:
        self.done.append(url)


class Api(Handler):
    """Its APIHandler."""


class Prefix(Handler):
    """Its PrefixRedirectHandler, which has all that leads to no server."""


@pytest.fixture(autouse=True)
def guarded(program: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    names: dict[str, Any] = {"BaseHandler": Handler, "PrefixRedirectHandler": Prefix, "APIHandler": Api}
    for module in (
        "jupyterhub",
        "jupyterhub.apihandlers",
        "jupyterhub.apihandlers.base",
        "jupyterhub.handlers",
        "jupyterhub.handlers.base",
    ):
        monkeypatch.setitem(sys.modules, module, SimpleNamespace(**names))
    monkeypatch.delitem(sys.modules, "hubsmith_hub.own_host", raising=False)
    monkeypatch.setattr(Handler, "prepare", Handler.prepare)  # put back afterwards
    program("hubsmith_hub.own_host").guard()
    monkeypatch.delitem(sys.modules, "hubsmith_hub.own_host")


def asked(handler: Handler) -> list[object]:
    asyncio.run(handler.prepare())
    return handler.done


@pytest.mark.parametrize(
    "host", ["hub.example.test", "127.0.0.1", "100.64.0.1", "evilhub.example.test", "example.test"]
)
@pytest.mark.parametrize("kind", [Handler, Api])
def test_on_its_own_host_and_by_address_it_answers(kind: type[Handler], host: str) -> None:
    assert asked(kind(host)) == ["prepared"]
    assert asked(kind(host, "POST")) == ["prepared"]


@pytest.mark.parametrize(
    "host", ["ada.hub.example.test", "ADA.Hub.example.test", "ada.hub.example.test.", "a.b.hub.example.test"]
)
def test_on_a_users_host_pages_lead_there_and_nothing_else_is_found(host: str) -> None:
    assert asked(Handler(host)) == ["https://hub.example.test/hub/home?x=1"]
    assert asked(Handler(host, "POST")) == [404, "finished"]
    assert asked(Api(host)) == [404, "finished"]
    assert asked(Prefix(host, uri="/user/ada/lab")) == ["prepared"]  # sends everybody to the hub itself


def test_without_subdomains_every_host_is_the_hubs() -> None:
    assert asked(Handler("ada.hub.example.test", subdomains=False)) == ["prepared"]
    assert asked(Api("ada.hub.example.test", "POST", subdomains=False)) == ["prepared"]
