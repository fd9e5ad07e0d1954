"""A hub that was launched with subdomains: each user has an origin, and the hub has one of its own."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from hub_client import HubClient


@pytest.fixture(scope="module")
def domain(launched: dict[str, Any]) -> str:
    if not launched.get("subdomains"):
        pytest.skip("for hubs that were launched with hub.subdomains")
    return str(launched["domain"])


class TestSubdomains:
    def test_a_server_is_on_its_users_host_alone(self, domain: str, notebook: HubClient) -> None:
        assert notebook.servers_url == f"https://{notebook.user}.{domain}"
        page = notebook.session.get(f"{notebook.url}{notebook.base()}lab", allow_redirects=False, timeout=60)
        assert page.headers["Location"] == f"{notebook.url}/hub{notebook.base()}lab"

    def test_the_hubs_login_is_for_its_own_host_and_that_of_a_server_for_its_own(
        self, domain: str, notebook: HubClient
    ) -> None:
        cookies = {
            cookie.name: cookie
            for cookie in notebook.session.cookies
            if "session-id" not in cookie.name and cookie.name != "_xsrf"
        }
        login = cookies.pop("__Host-jupyterhub-hub-login")
        assert (login.domain, login.path, login.secure) == (domain, "/", True)
        assert {cookie.domain for cookie in cookies.values()} == {f"{notebook.user}.{domain}"}

    def test_the_hubs_pages_are_not_on_a_users_host(self, domain: str, notebook: HubClient) -> None:
        for path in ("/hub/login", "/hub/admin", "/hub/home?x=1"):
            page = notebook.session.get(notebook.servers_url + path, allow_redirects=False, timeout=60)
            assert (page.status_code, page.headers["Location"]) == (requests.codes.found, notebook.url + path)
        for method, path in (
            ("GET", "/hub/api/user"),
            ("POST", "/hub/login"),
            ("POST", "/hub/api/users"),
            ("DELETE", "/hub/api/users/x"),
        ):
            answer = notebook.session.request(
                method, notebook.servers_url + path, allow_redirects=False, timeout=60
            )
            assert (answer.status_code, answer.cookies.items()) == (requests.codes.not_found, []), path

    def test_a_host_of_nobody_leads_to_the_hub(self, domain: str, notebook: HubClient) -> None:
        page = notebook.session.get(
            f"https://nobody.{domain}/user/nobody/lab", allow_redirects=False, timeout=60
        )
        assert page.headers["Location"] == f"{notebook.url}/hub/user/nobody/lab"
