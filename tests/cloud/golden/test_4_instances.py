"""Other instances of the same hub: nothing is lost on the way."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import requests
from hub_client import HubClient

from tests import soak
from tests.cloud.browser import Browser
from tests.cloud.golden import trap
from tests.cloud.golden.story import Story
from tests.cloud.golden.test_2_browser import log_in
from tests.cloud.workshop import eventually

pytestmark = [pytest.mark.vm, pytest.mark.bake]


def answers(story: Story) -> bool:
    """Whether anybody answers on the hub's port."""
    try:
        return (
            requests.get(f"http://{story.domain}/hub/health", allow_redirects=False, timeout=5).status_code
            > 0
        )
    except requests.RequestException:
        return False


def still_the_same(story: Story, alice: HubClient) -> None:
    """Address, certificate, cookie and files are those of before."""
    assert eventually(lambda: answers(story), timeout_s=600)
    alice.wait_until_up()
    assert story.served_serial() == story.serial
    assert "/hub/login" not in alice.get("/hub/home").url, "the cookie of before is still good"
    assert story.on_the_machine("cat /home/alice/kept.txt") == "of the first instance"


def test_a_reboot(story: Story, alice: HubClient) -> None:
    before = story.on_the_machine("cat /proc/sys/kernel/random/boot_id")
    story.workshop.client("ec2").reboot_instances(InstanceIds=[story.document["instance_id"]])
    assert eventually(lambda: not answers(story), timeout_s=120)
    still_the_same(story, alice)
    assert story.on_the_machine("cat /proc/sys/kernel/random/boot_id") != before


@pytest.mark.matrix
def test_without_its_data_volume_it_waits_and_does_not_start_on_the_root_disk(
    story: Story, alice: HubClient
) -> None:
    ec2, instance, volume = (
        story.workshop.client("ec2"),
        story.document["instance_id"],
        story.document["volume_id"],
    )
    ec2.stop_instances(InstanceIds=[instance])
    ec2.get_waiter("instance_stopped").wait(
        InstanceIds=[instance], WaiterConfig={"Delay": 2, "MaxAttempts": 90}
    )
    ec2.detach_volume(VolumeId=volume)
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig={"Delay": 2, "MaxAttempts": 30})
    ec2.start_instances(InstanceIds=[instance])
    said = f"waiting for the data volume {volume} to be attached"
    assert eventually(
        lambda: said in ec2.get_console_output(InstanceId=instance, Latest=True).get("Output", ""),
        timeout_s=300,
    )
    assert not answers(story)
    part = story.parts()["data volume"]
    assert (part["ok"], "not attached" in part["told"]) == (False, True)
    story.launch()  # attaches it, and the machine goes on by itself
    assert story.document["instance_id"] == instance
    still_the_same(story, alice)


def test_its_kernel_changes_its_own_code_under_load(story: Story) -> None:
    """The first CPUQuota= of a booted hub made it panic where QEMU emulated processors wrongly:
    localcloud/machine/qemu/emulation.py.
    """
    before = story.on_the_machine("cat /proc/sys/kernel/random/boot_id")
    assert story.on_the_machine(soak.script("75", "echo $n")).split()[-1] == "75"
    assert story.on_the_machine("cat /proc/sys/kernel/random/boot_id") == before


def test_another_instance_is_the_same_hub_and_can_have_subdomains(story: Story, alice: HubClient) -> None:
    first, of_the_secret = story.document, "sha256sum /srv/jupyterhub/cookie_secret"
    secret = story.on_the_machine(of_the_secret)
    story.workshop.client("ec2").terminate_instances(InstanceIds=[first["instance_id"]])
    story.launch("--set", "hub.subdomains=true")
    assert story.document["instance_id"] != first["instance_id"]
    assert [story.document[key] for key in ("address", "volume_id")] == [
        first[key] for key in ("address", "volume_id")
    ]
    assert story.document["admin_password"] is None
    assert (
        story.document["names"]
        == sorted(story.document["certificate"]["names"], reverse=True)
        == [story.domain, f"*.{story.domain}"]
    )
    told = story.on_the_machine(
        f"{of_the_secret}; cat /home/alice/kept.txt; echo; id -u alice bob; getent passwd alice bob | cut "
        "-d: -f3"
    )
    assert told == f"{secret}\nof the first instance\n{story.uids}"
    assert "/hub/login" in alice.get("/hub/home").url, "the cookie of before was for all of the host"
    parts = story.parts("--no-spawn")
    assert [
        name
        for name in ("name", "https", "hub", "proxy", "certificate", "disk")
        if parts[name]["ok"] is not True
    ] == []


def test_the_page_of_a_users_server_gets_nothing_of_the_hub_in_an_administrators_browser(
    story: Story, tmp_path: Path
) -> None:
    if not shutil.which("chromium"):
        pytest.skip("there is no chromium here (tests/host_packages.txt)")
    story.on_the_machine(trap.lay("bob"))
    with (
        story.browser_session() as bob,
        Browser(tmp_path, story.domain, story.address, story.roots) as browser,
    ):
        bob.login(story.people["bob"])
        bob.start_server()
        assert bob.servers_url == f"https://bob.{story.domain}"
        browser.open(f"{story.url}/hub/login?next=%2Fhub%2Fhome")
        log_in(browser, "alice", story.people["alice"].password)
        browser.wait_for("location.pathname === '/hub/home'", 120)
        browser.open(f"{bob.servers_url}{bob.base()}static/{trap.PAGE}")
        found = trap.spring(browser, story.url)
        assert found.pop("cookies").partition("=")[0] in ("", "_xsrf")  # that of bob's own server
        assert found == {
            "page": "TypeError",
            "api": "TypeError",
            "here": "404",
            "window": "SecurityError",
            "added": "SecurityError",
        }
        browser.open(f"{story.url}/hub/api/users/{trap.NEW_ADMIN}")
        assert "404" in browser.wait_for("document.body.innerText", 60)


def test_its_people_log_in(story: Story) -> None:
    for user in story.people.values():
        with story.browser_session() as client:
            client.login(user)
