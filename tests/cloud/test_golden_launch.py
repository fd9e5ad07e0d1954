"""The hub itself, launched from the golden image of this run: https, logins, kernels, a browser, another instance, and its end.

The tests are one story and run in order. Screenshots go to the folder that HUBSMITH_SCREENSHOTS names, if it is set.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from hub_client import HubClient, Person
from kernel_client import Kernel

from build.localcloud import server
from tests.cloud.baking import Baking
from tests.cloud.browser import Browser
from tests.cloud.hubs import everything
from tests.cloud.privileges import assert_least_privilege
from tests.cloud.workshop import Done, Workshop

pytestmark = [pytest.mark.vm, pytest.mark.bake]

DOMAIN, URL = "hub.example.test", "https://hub.example.test"
LAUNCH = ("launch", "--domain", DOMAIN, "--admin", "alice", "--email", "ops@example.test", "--data-size", "4")


@dataclass
class Story:
    """What one test finds out and a later one needs."""

    workshop: Workshop
    before: dict[str, list[str]]
    roots: str
    document: dict[str, Any] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    uids: str = ""
    serial: str = ""

    @property
    def address(self) -> str:
        return str(self.document["address"])

    def invoke(self, task: str, *more: str, timeout_s: float = 1800) -> Done:
        """A task for the hub; it must succeed."""
        done = self.workshop.invoke(task, "--domain", DOMAIN, *more, timeout_s=timeout_s)
        assert done.status == 0, done.err[-5000:]
        return done

    def on_the_machine(self, command: str) -> str:
        """What a command says there, as root."""
        return self.invoke("ssh", "--command", f"sudo -n sh -c {shlex.quote(command)}").out.strip()

    def launch(self) -> None:
        """Launch it and keep the document."""
        done = self.workshop.invoke(*LAUNCH, "--json", timeout_s=4500)
        assert done.status == 0, done.err[-5000:]
        self.document = json.loads(done.out)

    def context(self) -> ssl.SSLContext:
        """Trusts the cloud's ACME roots and nobody else."""
        return ssl.create_default_context(cadata=self.roots)

    def served_serial(self) -> str:
        """Of the certificate on 443, verified for its name."""
        with socket.create_connection((self.address, 443), 30) as plain, self.context().wrap_socket(plain, server_hostname=DOMAIN) as tls:
            return str((tls.getpeercert() or {})["serialNumber"])


@pytest.fixture(scope="module")
def story(baking: Baking) -> Iterator[Story]:
    done = baking.wait(timeout_s=3600)
    assert done.status == 0, done.err[-20_000:]
    workshop = baking.workshop
    roots = server.ensure_up(workshop.state / "cloud").acme_roots
    assert roots
    story = Story(workshop, everything(workshop), roots)
    yield story
    workshop.invoke("destroy", "--domain", DOMAIN, "--yes", "--with-data")


@pytest.fixture(autouse=True)
def names(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's name leads to its address, as it would for its users."""
    real = socket.getaddrinfo

    def resolve(host: Any, *rest: Any, **more: Any) -> Any:
        return real(story.address if host in (DOMAIN, DOMAIN.encode()) else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.fixture(scope="module")
def alice(story: Story) -> Iterator[HubClient]:
    """The administrator's browser session, from the first login to the end of the story."""
    with HubClient(URL, story.context(), timeout_s=600) as client:
        yield client


def test_a_launch_ends_with_the_address(story: Story) -> None:
    done = story.workshop.invoke(*LAUNCH, timeout_s=4500)
    assert done.status == 0, done.err[-5000:]
    login, last = done.out.splitlines()
    assert last == URL
    story.people["alice"] = Person(*login.split(" "))
    story.launch()
    assert story.document["changes"] == []
    assert story.document["certificate"]["names"] == [DOMAIN]
    assert login.split(" ")[1] not in done.err


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
def test_https_is_as_it_should_be(story: Story) -> None:
    plain = requests.get(f"http://{DOMAIN}/hub/login", allow_redirects=False, timeout=60)
    assert (plain.status_code, plain.headers["Location"]) == (301, f"{URL}/hub/login")
    old = story.context()
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError), socket.create_connection((story.address, 443), 30) as connection:
        old.wrap_socket(connection, server_hostname=DOMAIN)


def test_the_administrator_logs_in_and_computes(story: Story, alice: HubClient) -> None:
    alice.wait_until_up()
    assert "max-age" in alice.get("/hub/login").headers.get("Strict-Transport-Security", "")
    alice.login(story.people["alice"])
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
    story.people[name] = Person(name, password)
    with HubClient(URL, story.context(), timeout_s=300) as client:
        client.login(story.people["bob"])
        assert client.get("/hub/home").ok
    assert "bob" in story.invoke("users", "--list").out
    story.uids = story.on_the_machine("id -u alice bob; getent passwd alice bob | cut -d: -f3")


@pytest.mark.exhaustive
def test_a_real_browser_without_a_warning(story: Story, tmp_path: Path) -> None:
    if not shutil.which("chromium"):
        pytest.skip("there is no chromium here (tests/host_packages.txt)")
    shots = Path(os.environ.get("HUBSMITH_SCREENSHOTS") or tmp_path)
    with Browser(tmp_path, DOMAIN, story.address, story.roots) as browser:
        browser.open(f"{URL}/")
        browser.wait_for("document.querySelector('#username_input') !== null")
        pictures = [browser.shoot("login")]
        browser.fill("#username_input", "alice")
        browser.fill("#password_input", story.people["alice"].password)
        browser.click("#login_submit")
        browser.wait_for("location.pathname.startsWith('/user/alice/lab')", 600)
        browser.wait_for("document.querySelector('.jp-LauncherCard[data-category=Notebook]') !== null", 600)
        browser.click(".jp-LauncherCard[data-category=Notebook]")
        browser.wait_for("document.querySelector('.jp-Notebook .cm-content') !== null", 300)
        browser.wait_for("/Idle/.test(document.querySelector('.jp-Notebook-ExecutionIndicator')?.dataset.status ?? 'Idle')", 300)
        browser.run_in_cell("print('the answer is', 6 * 7)", "the answer is 42", 300)
        pictures.append(browser.shoot("notebook"))
        browser.open(f"{URL}/hub/admin")
        browser.wait_for("document.body.innerText.includes('bob')", 120)
        pictures.append(browser.shoot("admin"))
    for picture in pictures:
        assert picture.stat().st_size > 10_000
        if shots != tmp_path:
            shutil.copy(picture, shots)


def test_status_and_hubs_say_that_it_is_well(story: Story) -> None:
    parts = {part["name"]: part for part in json.loads(story.invoke("status", "--json").out)}
    assert {name for name, part in parts.items() if part["ok"]} >= {"instance", "data volume", "name", "https", "hub", "proxy", "spawn"}
    row = next(row for row in json.loads(story.workshop.invoke("hubs", "--json").out) if row["domain"] == DOMAIN)
    assert row["health"] == "ok"
    assert row["certificate_days"] > 0
    group = story.workshop.client("ec2").describe_security_groups(Filters=[{"Name": "tag:hubsmith:hub", "Values": [DOMAIN]}])
    assert sorted(rule["FromPort"] for rule in group["SecurityGroups"][0]["IpPermissions"]) == [80, 443]


def test_the_role_allows_what_the_machine_did_and_no_more(story: Story) -> None:
    name = f"hubsmith-{DOMAIN}"
    policy = story.workshop.client("iam").get_role_policy(RoleName=name, PolicyName="hub")["PolicyDocument"]
    assert_least_privilege(server.ensure_up(story.workshop.state / "cloud"), name, policy)


def test_another_instance_is_the_same_hub(story: Story, alice: HubClient) -> None:
    first = story.document
    story.workshop.client("ec2").terminate_instances(InstanceIds=[first["instance_id"]])
    story.launch()
    assert story.document["instance_id"] != first["instance_id"]
    assert [story.document[key] for key in ("address", "volume_id")] == [first[key] for key in ("address", "volume_id")]
    assert story.document["admin_password"] is None
    assert story.served_serial() == story.serial
    alice.wait_until_up()
    assert "/hub/login" not in alice.get("/hub/home").url, "the cookie of before is still good"
    assert story.on_the_machine("id -u alice bob; getent passwd alice bob | cut -d: -f3") == story.uids
    assert story.on_the_machine("cat /home/alice/kept.txt") == "of the first instance"
    for person in story.people.values():
        with HubClient(URL, story.context(), timeout_s=300) as client:
            client.login(person)


def test_destroy_leaves_nothing(story: Story) -> None:
    story.invoke("destroy", "--yes", "--with-data")
    assert everything(story.workshop) == story.before
