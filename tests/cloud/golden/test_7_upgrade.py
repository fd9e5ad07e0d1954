"""An upgrade of a hub that people use: the page meanwhile, the figures, what is kept, and the way back.

A chapter with a hub of its own. It needs only the golden image of the run.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hub_client import HubUser

from tests.cloud.golden.conftest import begin
from tests.cloud.golden.golden_hub import GoldenHub
from tests.cloud.hubs import tags_of
from tests.cloud.invoke_runner import InvokeRunner

pytestmark = [pytest.mark.vm, pytest.mark.bake, pytest.mark.exhaustive]

_MOST_WITHOUT_A_PAGE_S = 3.0


@dataclass
class Visitor:
    """Asks for the hub's first page again and again: (status, Retry-After, body), or the problem."""

    hub: GoldenHub
    seen: list[tuple[int, str, str]] = field(default_factory=list)
    problems: list[tuple[float, str]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Until ``ended``. A new connection for each request, as of a new visitor."""
        context: ssl.SSLContext = self.hub.context()
        while not self.ended.wait(0.5):
            try:
                with urllib.request.urlopen(
                    f"{self.hub.url}/hub/health", timeout=10, context=context
                ) as answer:
                    self.seen.append((answer.status, "", ""))
            except urllib.error.HTTPError as exc:
                self.seen.append((exc.code, exc.headers.get("Retry-After", ""), exc.read().decode()))
            except OSError as exc:
                self.problems.append((time.monotonic(), str(exc)))


@pytest.fixture(scope="module")
def upgraded_hub(golden: InvokeRunner) -> Iterator[GoldenHub]:
    """A launched hub with a file of its administrator."""
    hub = begin(golden, "upgrade.example.test")
    hub.launch()
    hub.on_the_machine("echo of the first instance > /home/kept.txt")
    yield hub
    golden.invoke("destroy", "--domain", hub.domain, "--yes", "--with-data")


@pytest.fixture(scope="module")
def newer(golden: InvokeRunner, upgraded_hub: GoldenHub) -> Iterator[str]:
    """The golden image once more, under another id."""
    ec2 = golden.client("ec2")
    old = ec2.describe_images(ImageIds=[upgraded_hub.document["image_id"]])["Images"][0]
    disk = {"SnapshotId": old["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]}
    made = ec2.register_image(
        Name="golden-once-more",
        Architecture="x86_64",
        RootDeviceName=old["RootDeviceName"],
        VirtualizationType="hvm",
        BootMode="uefi",
        BlockDeviceMappings=[{"DeviceName": old["RootDeviceName"], "Ebs": disk}],
    )["ImageId"]
    marks = [{"Key": key, "Value": value} for key, value in tags_of(old).items() if key != "hubsmith:channel"]
    ec2.create_tags(Resources=[made], Tags=marks)
    ec2.get_waiter("image_available").wait(ImageIds=[made], WaiterConfig={"Delay": 1})
    yield made
    ec2.deregister_image(ImageId=made)


def instance(hub: GoldenHub, instance_id: str) -> dict[str, Any]:
    found: Any = hub.runner.client("ec2").describe_instances(InstanceIds=[instance_id])
    return dict(found["Reservations"][0]["Instances"][0])


def test_an_upgrade_keeps_everything_and_visitors_always_get_an_answer(
    upgraded_hub: GoldenHub, newer: str
) -> None:
    hub, before = upgraded_hub, upgraded_hub.document
    secret = hub.on_the_machine("sha256sum /srv/jupyterhub/cookie_secret")
    serial = hub.served_serial()
    shown = hub.invoke("upgrade", "--ami", newer, "--dry-run", "--json")
    assert json.loads(shown.out)["stops_first"] is None
    visitor = Visitor(hub)
    thread = threading.Thread(target=visitor.run, daemon=True)
    thread.start()
    try:
        done = json.loads(hub.invoke("upgrade", "--ami", newer, "--yes", "--json", timeout_s=4500).out)
    finally:
        visitor.ended.set()
        thread.join()
    pages = [(retry, body) for status, retry, body in visitor.seen if status == 503]
    assert pages, "nobody has seen the page"
    assert {retry for retry, _ in pages} == {"5"}
    assert all('http-equiv="refresh"' in body for _, body in pages)
    assert {status for status, _, _ in visitor.seen} == {200, 503}
    assert [what for _, what in visitor.problems if "refused" in what] == []
    assert done["gap"]["page_s"] < _MOST_WITHOUT_A_PAGE_S, visitor.problems
    assert done["gap"]["hub_s"] > 0
    assert done["image_id"] == newer
    assert (done["address"], done["volume_id"]) == (before["address"], before["volume_id"])
    assert hub.served_serial() == serial
    assert hub.on_the_machine("sha256sum /srv/jupyterhub/cookie_secret") == secret
    assert hub.on_the_machine("cat /home/kept.txt") == "of the first instance"
    parts = hub.parts()
    assert [name for name, part in parts.items() if part["ok"] is False] == []
    old = instance(hub, before["instance_id"])
    assert old["State"]["Name"] == "stopped"
    assert tags_of(old)["hubsmith:retired"] == hub.domain
    assert "hubsmith:hub" not in tags_of(old)
    hub.document = {**before, **done}


def test_somebody_logs_in_after_it(upgraded_hub: GoldenHub) -> None:
    password = re.fullmatch(r"ada (\S+)", upgraded_hub.invoke("users", "--add", "ada").out.strip())
    assert password
    with upgraded_hub.browser_session() as client:
        client.login(HubUser("ada", password[1]))


def test_when_the_hub_does_not_start_on_the_new_instance_the_old_one_is_the_hub_again(
    upgraded_hub: GoldenHub,
) -> None:
    """The hub's configuration on the data volume is fine: it is an image that lacks the hub's program."""
    hub, before = upgraded_hub, upgraded_hub.document
    broken = _image_without_a_hub(hub)
    done = hub.runner.invoke("upgrade", "--domain", hub.domain, "--ami", broken, "--yes", timeout_s=4500)
    assert done.status == 1, done.err[-5000:]
    assert f"{before['instance_id']} is the hub again" in done.err
    assert hub.on_the_machine("cat /home/kept.txt") == "of the first instance"
    parts = hub.parts("--no-spawn")
    assert [name for name, part in parts.items() if part["ok"] is False] == []
    assert instance(hub, before["instance_id"])["State"]["Name"] == "running"
    hub.runner.client("ec2").deregister_image(ImageId=broken)


def _image_without_a_hub(hub: GoldenHub) -> str:
    """Of the hub's own instance while its unit is not able to start; the hub itself goes on."""
    ec2, unit = hub.runner.client("ec2"), "/etc/systemd/system/jupyterhub.service.d/broken.conf"
    broken = f"mkdir -p $(dirname {unit}) && printf '[Service]\nExecStartPre=/bin/false\n' > {unit} && sync"
    hub.on_the_machine(broken)
    made = ec2.create_image(
        InstanceId=hub.document["instance_id"],
        Name="golden-broken",
        NoReboot=True,
        BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "NoDevice": ""}],
    )
    ec2.get_waiter("image_available").wait(
        ImageIds=[made["ImageId"]], WaiterConfig={"Delay": 2, "MaxAttempts": 300}
    )
    hub.on_the_machine(f"rm {unit}")
    return str(made["ImageId"])
