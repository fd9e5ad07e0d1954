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
from tests.cloud.golden.golden_hub import GoldenHub
from tests.cloud.golden.test_2_browser import log_in
from tests.cloud.invoke_runner import eventually

pytestmark = [pytest.mark.vm, pytest.mark.bake]


def answers(golden_hub: GoldenHub) -> bool:
    """Whether anybody answers on the hub's port."""
    try:
        return (
            requests.get(
                f"http://{golden_hub.domain}/hub/health", allow_redirects=False, timeout=5
            ).status_code
            > 0
        )
    except requests.RequestException:
        return False


def still_the_same(golden_hub: GoldenHub, alice: HubClient) -> None:
    """Address, certificate, cookie and files are those of before."""
    assert eventually(lambda: answers(golden_hub), timeout_s=600)
    alice.wait_until_up()
    assert golden_hub.served_serial() == golden_hub.serial
    assert "/hub/login" not in alice.get("/hub/home").url, "the cookie of before is still good"
    assert golden_hub.on_the_machine("cat /home/alice/kept.txt") == "of the first instance"


@pytest.mark.turn
def test_a_reboot(golden_hub: GoldenHub, alice: HubClient) -> None:
    before = golden_hub.on_the_machine("cat /proc/sys/kernel/random/boot_id")
    golden_hub.runner.client("ec2").reboot_instances(InstanceIds=[golden_hub.document["instance_id"]])
    assert eventually(lambda: not answers(golden_hub), timeout_s=120)
    still_the_same(golden_hub, alice)
    assert golden_hub.on_the_machine("cat /proc/sys/kernel/random/boot_id") != before


@pytest.mark.matrix
def test_without_its_data_volume_it_waits_and_does_not_start_on_the_root_disk(
    golden_hub: GoldenHub, alice: HubClient
) -> None:
    ec2, instance, volume = (
        golden_hub.runner.client("ec2"),
        golden_hub.document["instance_id"],
        golden_hub.document["volume_id"],
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
    assert not answers(golden_hub)
    part = golden_hub.parts()["data volume"]
    assert (part["ok"], "not attached" in part["told"]) == (False, True)
    golden_hub.launch()  # attaches it, and the machine goes on by itself
    assert golden_hub.document["instance_id"] == instance
    still_the_same(golden_hub, alice)


def test_its_kernel_changes_its_own_code_under_load(golden_hub: GoldenHub) -> None:
    """The first CPUQuota= of a booted hub made it panic where QEMU emulated processors wrongly:
    localcloud/machine/qemu/emulation.py.
    """
    before = golden_hub.on_the_machine("cat /proc/sys/kernel/random/boot_id")
    assert golden_hub.on_the_machine(soak.script("75", "echo $n")).split()[-1] == "75"
    assert golden_hub.on_the_machine("cat /proc/sys/kernel/random/boot_id") == before


def test_another_instance_is_the_same_hub_and_can_have_subdomains(
    golden_hub: GoldenHub, alice: HubClient
) -> None:
    first, of_the_secret = golden_hub.document, "sha256sum /srv/jupyterhub/cookie_secret"
    secret = golden_hub.on_the_machine(of_the_secret)
    golden_hub.runner.client("ec2").terminate_instances(InstanceIds=[first["instance_id"]])
    golden_hub.launch("--set", "hub.subdomains=true")
    assert golden_hub.document["instance_id"] != first["instance_id"]
    assert [golden_hub.document[key] for key in ("address", "volume_id")] == [
        first[key] for key in ("address", "volume_id")
    ]
    assert golden_hub.document["admin_password"] is None
    assert (
        golden_hub.document["names"]
        == sorted(golden_hub.document["certificate"]["names"], reverse=True)
        == [golden_hub.domain, f"*.{golden_hub.domain}"]
    )
    told = golden_hub.on_the_machine(
        f"{of_the_secret}; cat /home/alice/kept.txt; echo; id -u alice bob; getent passwd alice bob | cut "
        "-d: -f3"
    )
    assert told == f"{secret}\nof the first instance\n{golden_hub.uids}"
    assert "/hub/login" in alice.get("/hub/home").url, "the cookie of before was for all of the host"
    parts = golden_hub.parts("--no-spawn")
    assert [
        name
        for name in ("name", "https", "hub", "proxy", "certificate", "disk")
        if parts[name]["ok"] is not True
    ] == []


def test_the_page_of_a_users_server_gets_nothing_of_the_hub_in_an_administrators_browser(
    golden_hub: GoldenHub, tmp_path: Path
) -> None:
    if not shutil.which("chromium"):
        pytest.skip("there is no chromium here (tests/host_packages.txt)")
    golden_hub.on_the_machine(trap.lay("bob"))
    with (
        golden_hub.browser_session() as bob,
        Browser(tmp_path, golden_hub.domain, golden_hub.address, golden_hub.roots) as browser,
    ):
        bob.login(golden_hub.people["bob"])
        bob.start_server()
        assert bob.servers_url == f"https://bob.{golden_hub.domain}"
        browser.open(f"{golden_hub.url}/hub/login?next=%2Fhub%2Fhome")
        log_in(browser, "alice", golden_hub.people["alice"].password)
        browser.wait_for("location.pathname === '/hub/home'", 120)
        browser.open(f"{bob.servers_url}{bob.base()}static/{trap.PAGE}")
        found = trap.spring(browser, golden_hub.url)
        assert found.pop("cookies").partition("=")[0] in ("", "_xsrf")  # that of bob's own server
        assert found == {
            "page": "TypeError",
            "api": "TypeError",
            "here": "404",
            "window": "SecurityError",
            "added": "SecurityError",
        }
        browser.open(f"{golden_hub.url}/hub/api/users/{trap.NEW_ADMIN}")
        assert "404" in browser.wait_for("document.body.innerText", 60)


def test_its_people_log_in(golden_hub: GoldenHub) -> None:
    for user in golden_hub.people.values():
        with golden_hub.browser_session() as client:
            client.login(user)
