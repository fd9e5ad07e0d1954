"""A hub that has a bad first day: no administrator's password in SSM yet, and the ACME server refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hub_client import LoginRefused, Person

from localcloud.faults import client as faults
from tests.cloud.golden.conftest import begin
from tests.cloud.golden.story import Story
from tests.cloud.workshop import Workshop, eventually

pytestmark = [pytest.mark.vm, pytest.mark.bake, pytest.mark.exhaustive]


@pytest.fixture(scope="module")
def unlucky(golden: Workshop) -> Iterator[Story]:
    """Launched, and not waited for."""
    story = begin(golden, "unlucky.example.test")
    faults.add(golden.endpoint, [{"kind": "acme-refuse"}])
    done = golden.invoke(*story.launching, "--no-wait", "--json")
    assert done.status == 0, done.err
    story.document = json.loads(done.out)
    yield story
    faults.clear(golden.endpoint)
    golden.invoke("destroy", "--domain", story.domain, "--yes", "--with-data")


def boot(story: Story) -> tuple[bool | None, str]:
    """What `status` says of its boot."""
    part = story.parts("--no-spawn").get("boot", {"ok": None, "told": ""})
    return part["ok"], part["told"]


def test_a_password_that_is_missing_is_named_and_waited_for(unlucky: Story) -> None:
    ssm, name = unlucky.workshop.client("ssm"), f"/hubsmith/hubs/{unlucky.domain}/admin-password"
    kept = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    ssm.delete_parameter(Name=name)
    assert eventually(lambda: boot(unlucky)[0] is False, timeout_s=400)
    assert name in boot(unlucky)[1]
    ssm.put_parameter(Name=name, Value=kept, Type="SecureString")


def test_an_acme_server_that_refuses_leaves_a_hub_with_a_certificate_of_its_own(unlucky: Story) -> None:
    assert eventually(lambda: boot(unlucky)[0] is True, timeout_s=600)
    parts = unlucky.parts("--no-spawn")
    assert (parts["https"]["ok"], parts["certificate"]["ok"], parts["hub"]["ok"]) == (False, False, True)
    assert "no certificate from the ACME server" in parts["boot"]["told"]
    done = unlucky.workshop.invoke(*unlucky.launching)
    assert done.status == 1
    assert "certificate of its own making" in done.err


def test_it_gets_one_by_itself_when_the_server_no_longer_refuses(unlucky: Story) -> None:
    faults.clear(unlucky.workshop.endpoint)
    assert eventually(lambda: unlucky.parts("--no-spawn")["https"]["ok"], timeout_s=1500)
    assert unlucky.served_serial()


def test_a_first_password_that_nobody_uses_in_time_is_locked_and_a_reset_gives_another(
    unlucky: Story,
) -> None:
    first = unlucky.document["admin_password"]
    past = 'sed --in-place \'s/"until": .*,/"until": 1,/\' /srv/jupyterhub/first-password.json'
    unlucky.on_the_machine(past)
    assert eventually(lambda: "admin-password" not in unlucky.parameters(), timeout_s=300)
    assert unlucky.on_the_machine("getent shadow alice | cut --delimiter=: --fields=2").startswith("!")
    with unlucky.browser_session() as client, pytest.raises(LoginRefused):
        client.login(Person("alice", first))
    name, password = unlucky.invoke("users", "--reset", "alice").out.strip().split("\t")
    with unlucky.browser_session() as client:
        client.login(Person(name, password))
        assert client.get("/hub/home").url == f"{unlucky.url}/hub/home"
