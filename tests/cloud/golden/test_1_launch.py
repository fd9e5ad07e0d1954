"""From an image to a hub: its address, https, logins, kernels, a renewed certificate, another user."""

from __future__ import annotations

import socket
import ssl

import pytest
import requests
from hub_client import HubClient, HubUser
from kernel_client import Kernel

from tests.cloud.golden.story import Story
from tests.cloud.workshop import eventually

pytestmark = [pytest.mark.vm, pytest.mark.bake]


def test_a_launch_ends_with_the_address(story: Story) -> None:
    done = story.workshop.invoke(*story.launching, timeout_s=4500)
    assert done.status == 0, done.err[-5000:]
    login, last = done.out.splitlines()
    assert last == story.url
    story.people["alice"] = HubUser(*login.split(" "))
    story.launch()
    assert story.document["changes"] == []
    assert story.document["certificate"]["names"] == [story.domain]
    assert login.split(" ")[1] not in done.err


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
def test_https_is_as_it_should_be(story: Story) -> None:
    plain = requests.get(f"http://{story.domain}/hub/login", allow_redirects=False, timeout=60)
    assert (plain.status_code, plain.headers["Location"]) == (301, f"{story.url}/hub/login")
    old = story.context()
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError), socket.create_connection((story.address, 443), 30) as connection:
        old.wrap_socket(connection, server_hostname=story.domain)


def test_the_first_login_has_to_set_a_new_password_and_then_ssm_has_none(
    story: Story, alice: HubClient
) -> None:
    alice.wait_until_up()
    assert "max-age" in alice.get("/hub/login").headers.get("Strict-Transport-Security", "")
    first, own = story.people["alice"].password, "a password of her own"
    alice.login(story.people["alice"])
    for page in ("/hub/home", "/hub/admin", "/hub/spawn", "/user/alice/lab"):
        found = alice.get(page)
        assert (found.url, "This is your first login" in found.text) == (f"{story.url}/hub/password", True)
    assert alice.hub_api("POST", "users/alice/server", json={}).status_code == 403
    alice.submit("/hub/password", old=first, new=own, again=own).raise_for_status()
    story.people["alice"] = HubUser("alice", own)
    assert alice.get("/hub/home").url == f"{story.url}/hub/home"
    assert eventually(lambda: "admin-password" not in story.parameters(), timeout_s=300)


def test_a_launch_after_it_makes_no_other_password(story: Story) -> None:
    story.launch()
    assert (story.document["changes"], story.document["admin_password"]) == ([], None)
    assert "admin-password" not in story.parameters()


def test_the_administrator_computes(story: Story, alice: HubClient) -> None:
    alice.start_server()
    with Kernel.start(alice) as kernel:
        kernel.run("open('kept.txt', 'w').write('of the first instance'); answer = 42")
        story.serial = story.served_serial()
        renewed = story.on_the_machine("/usr/lib/hubsmith/certificate renew --force")
        assert story.served_serial() != story.serial, renewed
        assert kernel.run("answer") == "42"
    story.serial = story.served_serial()


def test_the_operator_adds_a_user_who_logs_in(story: Story) -> None:
    name, password = story.invoke("users", "--add", "bob").out.strip().split("\t")
    story.people[name] = HubUser(name, password)
    with story.browser_session() as client:
        client.login(story.people["bob"])
        assert client.get("/hub/home").ok
    assert "bob" in story.invoke("users", "--list").out
    story.uids = story.on_the_machine("id -u alice bob; getent passwd alice bob | cut -d: -f3")
