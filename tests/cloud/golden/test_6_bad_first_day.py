"""A hub that has a bad first day: no administrator's password in SSM yet, and the ACME server refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hub_client import HubUser, LoginRefused

from localcloud.faults import client as faults
from tests.cloud.golden.conftest import begin
from tests.cloud.golden.golden_hub import GoldenHub
from tests.cloud.invoke_runner import InvokeRunner, eventually

pytestmark = [pytest.mark.vm, pytest.mark.bake, pytest.mark.exhaustive]


@pytest.fixture(scope="module")
def unlucky(golden: InvokeRunner) -> Iterator[GoldenHub]:
    """Launched, and not waited for."""
    hub = begin(golden, "unlucky.example.test")
    faults.add(golden.endpoint, [{"kind": "acme-refuse"}])
    done = golden.invoke(*hub.launching, "--no-wait", "--json")
    assert done.status == 0, done.err
    hub.document = json.loads(done.out)
    yield hub
    faults.clear(golden.endpoint)
    golden.invoke("destroy", "--domain", hub.domain, "--yes", "--with-data")


def boot(hub: GoldenHub) -> tuple[bool | None, str]:
    """What `status` says of its boot."""
    part = hub.parts("--no-spawn").get("boot", {"ok": None, "told": ""})
    return part["ok"], part["told"]


def test_a_password_that_is_missing_is_named_and_waited_for(unlucky: GoldenHub) -> None:
    ssm, name = unlucky.runner.client("ssm"), f"/hubsmith/hubs/{unlucky.domain}/admin-password"
    kept = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    ssm.delete_parameter(Name=name)
    assert eventually(lambda: boot(unlucky)[0] is False, timeout_s=400)
    assert name in boot(unlucky)[1]
    ssm.put_parameter(Name=name, Value=kept, Type="SecureString")


def test_an_acme_server_that_refuses_leaves_a_hub_with_a_certificate_of_its_own(unlucky: GoldenHub) -> None:
    assert eventually(lambda: boot(unlucky)[0] is True, timeout_s=600)
    parts = unlucky.parts("--no-spawn")
    assert (parts["https"]["ok"], parts["certificate"]["ok"], parts["hub"]["ok"]) == (False, False, True)
    assert "no certificate from the ACME server" in parts["boot"]["told"]
    done = unlucky.runner.invoke(*unlucky.launching)
    assert done.status == 1
    assert "self-signed certificate" in done.err


def test_it_gets_one_by_itself_when_the_server_no_longer_refuses(unlucky: GoldenHub) -> None:
    faults.clear(unlucky.runner.endpoint)
    assert eventually(lambda: unlucky.parts("--no-spawn")["https"]["ok"], timeout_s=1500)
    assert unlucky.served_serial()


def test_a_renewal_that_fails_is_bad_at_once_and_well_when_one_succeeds(unlucky: GoldenHub) -> None:
    """https://github.com/certbot/certbot/issues/10352"""
    faults.add(unlucky.runner.endpoint, [{"kind": "acme-refuse"}])
    unlucky.on_the_machine("/usr/lib/hubsmith/certificate renew --force || true")
    part = unlucky.parts("--no-spawn")["certificate"]
    assert part["ok"] is False
    assert "Detail: " in part["told"]
    faults.clear(unlucky.runner.endpoint)
    unlucky.on_the_machine("/usr/lib/hubsmith/certificate renew --force")
    assert unlucky.parts("--no-spawn")["certificate"]["ok"]


def test_a_first_password_that_nobody_uses_in_time_is_locked_and_a_reset_gives_another(
    unlucky: GoldenHub,
) -> None:
    first = unlucky.document["admin_password"]
    past = 'sed --in-place \'s/"until": .*,/"until": 1,/\' /srv/jupyterhub/first-password.json'
    unlucky.on_the_machine(past)
    assert eventually(lambda: "admin-password" not in unlucky.parameters(), timeout_s=300)
    assert unlucky.on_the_machine("getent shadow alice | cut --delimiter=: --fields=2").startswith("!")
    with unlucky.browser_session() as client, pytest.raises(LoginRefused):
        client.login(HubUser("alice", first))
    name, password = unlucky.invoke("users", "--reset", "alice").out.strip().split("\t")
    with unlucky.browser_session() as client:
        client.login(HubUser(name, password))
        assert client.get("/hub/home").url == f"{unlucky.url}/hub/home"
