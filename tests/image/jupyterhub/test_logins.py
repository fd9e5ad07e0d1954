"""Logins while others guess: nobody is held up by a flood from elsewhere, nobody is locked out, and addresses
cannot be made up.
"""

from __future__ import annotations

import re
import secrets
import statistics
from collections.abc import Callable
from typing import Any

import many_logins
import pytest
import requests
from hub_client import HubClient, HubUser
from testinfra.host import Host

pytestmark = pytest.mark.usefixtures("booted", "heavy", "without_domain", "exclusive")

IN = 302  # on to the next page
WRONG = 403
BODY_BYTES = 50 * 1024 * 1024


def new_address() -> str:
    """One that no login has come from yet."""
    return f"127.{secrets.randbelow(200) + 10}.{secrets.randbelow(256)}.{secrets.randbelow(254) + 1}"


def right(hub_user: HubUser, **more: Any) -> dict[str, Any]:
    return {"address": new_address(), "name": hub_user.name, "password": hub_user.password, **more}


def wrong(name: str, **more: Any) -> dict[str, Any]:
    return {"address": new_address(), "name": name, "password": "wrong", **more}


def hub_address(root: Host) -> str:
    """Where the hub itself listens, behind its proxy."""
    return str(root.check_output("sed --quiet 's/^HUB_URL=//p' /run/hubsmith/network/hub.env"))


def median_s(results: list[dict[str, Any]]) -> float:
    assert [one["status"] for one in results] == [IN] * len(results)
    return float(statistics.median(one["seconds"] for one in results))


@pytest.mark.usefixtures("thorough")
def test_a_flood_from_one_address_does_not_hold_up_another(root: Host, hub_user: HubUser) -> None:
    """https://github.com/jupyterhub/nativeauthenticator/issues/21"""
    ten = [right(hub_user)] * 10
    before = median_s(many_logins.run(root, tries=ten))
    one_name = median_s(
        many_logins.run(root, tries=ten, flood={"address": new_address(), "name": hub_user.name})
    )
    new_names = median_s(many_logins.run(root, tries=ten, flood={"address": new_address()}))
    # a busy host is slower now, and faster then
    usual = max(before, median_s(many_logins.run(root, tries=ten)))
    print(  # noqa: T201
        f"median of ten logins: {usual:.2f} s; in floods with one name: {one_name:.2f} s, "
        f"with new names: {new_names:.2f} s"
    )
    assert max(one_name, new_names) <= 2 * usual


@pytest.mark.usefixtures("thorough")
def test_who_finds_the_queue_full_is_told_when_to_come_again(root: Host, hub_user: HubUser) -> None:
    """More at one name than may wait; those who wait are soon forgotten, as their clients are gone."""
    from_one = wrong(hub_user.name, address=new_address(), base=hub_address(root))
    results = many_logins.run(root, tries=[{**from_one, "patience_s": 15}] * 60, parallel=60)
    refused = [one for one in results if one["status"] == requests.codes.too_many_requests]
    assert refused
    assert all(10 <= int(one["retry_after"]) <= 30 for one in refused)
    (later,) = many_logins.run(root, tries=[{**from_one, "patience_s": 3}])
    assert later["status"] != requests.codes.too_many_requests


@pytest.mark.parametrize("way", ["through the proxy", "past it"])
def test_forged_headers_do_not_change_whose_failures_count(root: Host, way: str) -> None:
    """Each claims to come from somewhere else; the log has the truth, and the last waits for those before."""
    base = many_logins.PROXY if way == "through the proxy" else hub_address(root)
    forged = [
        {"X-Forwarded-For": f"203.0.113.{number}", "X-Real-Ip": f"203.0.113.{number}"} for number in range(6)
    ]
    name, address, started = f"nobody-{secrets.token_hex(4)}", new_address(), root.check_output("date +%s")
    results = many_logins.run(
        root, tries=[wrong(name, address=address, base=base, headers=headers) for headers in forged]
    )
    assert [one["status"] for one in results] == [WRONG] * 6
    # the delay is 8 s, less what an answer takes anyway: up to 3 s on a busy emulated machine
    assert results[-1]["seconds"] > results[0]["seconds"] + 1
    lines = root.check_output(
        "journalctl --unit jupyterhub --since @%s --output cat --grep 'PAM Authentication failed'", started
    )
    assert re.findall(rf"'{name}'@(?:::ffff:)?([\d.]+)\)", lines) == [address] * 6


@pytest.mark.usefixtures("thorough")
def test_a_class_behind_one_address_gets_in_though_somebody_mistypes(root: Host, hub_user: HubUser) -> None:
    address = new_address()
    many_logins.run(root, tries=[wrong("clumsy", address=address)] * 3)
    results = many_logins.run(
        root, tries=[right(hub_user, address=address, base=hub_address(root))] * 12, parallel=12
    )
    assert [one["status"] for one in results] == [IN] * 12


@pytest.mark.usefixtures("thorough")
def test_nobody_is_locked_out_by_guesses_from_elsewhere(root: Host, hub_user: HubUser) -> None:
    (before,) = many_logins.run(root, tries=[right(hub_user)])
    guesses = [wrong(hub_user.name, base=hub_address(root)) for _ in range(10)] * 2
    assert [one["status"] for one in many_logins.run(root, tries=guesses, parallel=20)] == [WRONG] * 20
    (after,) = many_logins.run(root, tries=[right(hub_user)])
    assert after["status"] == IN
    assert after["seconds"] < 2 * before["seconds"] + 1


@pytest.mark.parametrize(
    ("chosen", "reason"), [("password1", "common password"), ("{name}1", "made from your name")]
)
def test_a_common_password_is_refused_in_words(
    hub: Callable[[], HubClient], hub_user: HubUser, chosen: str, reason: str
) -> None:
    session, new = hub(), chosen.format(name=hub_user.name)
    session.login(hub_user)
    answer = session.submit("/hub/password", old=hub_user.password, new=new, again=new)
    assert answer.status_code == 400
    assert "easy to guess" in answer.text
    assert reason in answer.text


def test_a_large_body_is_refused_and_not_kept(hub: Callable[[], HubClient], root: Host) -> None:
    def peak_kib() -> int:
        return int(
            root.check_output(
                "awk '/VmHWM/ {print $2}' /proc/$(systemctl show --property MainPID --value "
                "jupyterhub)/status"
            )
        )

    session, before = hub(), peak_kib()
    try:
        status = session.session.post(
            f"{session.url}/hub/login", data=bytes(BODY_BYTES), timeout=60
        ).status_code
    except requests.ConnectionError:  # the hub does not wait for the rest of it
        status = 400
    assert status in (400, 413, 503)
    assert peak_kib() - before < 20 * 1024
    assert session.get("/hub/health").ok


def test_the_hubs_memory_has_a_limit(root: Host) -> None:
    limits = root.check_output("systemctl show --property MemoryHigh,MemoryMax --value jupyterhub").split()
    assert "infinity" not in limits


def test_wrong_logins_do_not_wait_in_pam(root: Host) -> None:
    """Its delay would hold a thread of the hub."""
    check = (
        "import pamela, time; t = time.monotonic()\ntry: pamela.authenticate('nobody-of-this-name', 'x', "
        "service='jupyterhub')\n"
    )
    took = root.check_output(
        "/opt/hub/bin/python -c %s", check + "except pamela.PAMError: print(time.monotonic() - t)"
    )
    assert float(took) < 1.5
