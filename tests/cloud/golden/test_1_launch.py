"""From an image to a hub: its address, https, logins, kernels, a renewed certificate, another user."""

from __future__ import annotations

import socket
import ssl

import pytest
import requests
from hub_client import HubClient, HubUser
from kernel_client import Kernel

from tests.cloud.golden.golden_hub import GoldenHub
from tests.cloud.invoke_runner import eventually

pytestmark = [pytest.mark.vm, pytest.mark.bake]


def test_a_launch_ends_with_the_address(golden_hub: GoldenHub) -> None:
    done = golden_hub.runner.invoke(*golden_hub.launching, timeout_s=4500)
    assert done.status == 0, done.err[-5000:]
    login, last = done.out.splitlines()
    assert last == golden_hub.url
    golden_hub.people["alice"] = HubUser(*login.split(" "))
    golden_hub.launch()
    assert golden_hub.document["changes"] == []
    assert golden_hub.document["certificate"]["names"] == [golden_hub.domain]
    assert login.split(" ")[1] not in done.err


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
def test_https_is_as_it_should_be(golden_hub: GoldenHub) -> None:
    plain = requests.get(f"http://{golden_hub.domain}/hub/login", allow_redirects=False, timeout=60)
    assert (plain.status_code, plain.headers["Location"]) == (301, f"{golden_hub.url}/hub/login")
    old = golden_hub.context()
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError), socket.create_connection((golden_hub.address, 443), 30) as connection:
        old.wrap_socket(connection, server_hostname=golden_hub.domain)


def test_the_first_login_has_to_set_a_new_password_and_then_ssm_has_none(
    golden_hub: GoldenHub, alice: HubClient
) -> None:
    alice.wait_until_up()
    assert "max-age" in alice.get("/hub/login").headers.get("Strict-Transport-Security", "")
    first, own = golden_hub.people["alice"].password, "a password of her own"
    alice.login(golden_hub.people["alice"])
    for page in ("/hub/home", "/hub/admin", "/hub/spawn", "/user/alice/lab"):
        found = alice.get(page)
        assert (found.url, "This is your first login" in found.text) == (
            f"{golden_hub.url}/hub/password",
            True,
        )
    assert alice.hub_api("POST", "users/alice/server", json={}).status_code == 403
    alice.submit("/hub/password", old=first, new=own, again=own).raise_for_status()
    golden_hub.people["alice"] = HubUser("alice", own)
    assert alice.get("/hub/home").url == f"{golden_hub.url}/hub/home"
    assert eventually(lambda: "admin-password" not in golden_hub.parameters(), timeout_s=300)


def test_a_launch_after_it_makes_no_other_password(golden_hub: GoldenHub) -> None:
    golden_hub.launch()
    assert (golden_hub.document["changes"], golden_hub.document["admin_password"]) == ([], None)
    assert "admin-password" not in golden_hub.parameters()


def test_the_administrator_computes(golden_hub: GoldenHub, alice: HubClient) -> None:
    alice.start_server()
    with Kernel.start(alice) as kernel:
        kernel.run("open('kept.txt', 'w').write('of the first instance'); answer = 42")
        golden_hub.serial = golden_hub.served_serial()
        renewed = golden_hub.on_the_machine("/usr/lib/hubsmith/certificate renew --force")
        assert golden_hub.served_serial() != golden_hub.serial, renewed
        assert kernel.run("answer") == "42"
    golden_hub.serial = golden_hub.served_serial()


def test_the_operator_adds_a_user_who_logs_in(golden_hub: GoldenHub) -> None:
    name, password = golden_hub.invoke("users", "--add", "bob").out.strip().split("\t")
    golden_hub.people[name] = HubUser(name, password)
    with golden_hub.browser_session() as client:
        client.login(golden_hub.people["bob"])
        assert client.get("/hub/home").ok
    assert "bob" in golden_hub.invoke("users", "--list").out
    golden_hub.uids = golden_hub.on_the_machine("id -u alice bob; getent passwd alice bob | cut -d: -f3")
