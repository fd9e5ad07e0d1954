"""Looking after it: is it well, does it pass the image's tests, a browser for its operator, its role."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from build.bake.scripts import MOUNT_IMAGE
from localcloud.server import control
from tests.cloud.browser import attached
from tests.cloud.golden import ubuntu_disk
from tests.cloud.golden.golden_hub import GoldenHub
from tests.cloud.privileges import assert_least_privilege

WHOM_THE_HUB_KNOWS = """\
import json, sys
sys.path.insert(0, "/usr/lib/hubsmith/hub")
from hubsmith_hub import operator
print(json.dumps([user["name"] for user in operator.call("GET", "users")]))
"""

# The volume is there some seconds after EC2 says so.
WRITE_TO_A_VOLUME = """\
until disk=$(lsblk --nodeps --noheadings --output PATH,SERIAL | grep {serial}); do sleep 1; done
echo {packed} | base64 -d | gunzip > "${{disk%% *}}"
blockdev --rereadpt "${{disk%% *}}"
"""

pytestmark = [pytest.mark.vm, pytest.mark.bake]


def test_status_and_hubs_say_that_it_is_well(golden_hub: GoldenHub) -> None:
    parts = {part["name"]: part for part in json.loads(golden_hub.invoke("status", "--json").out)}
    assert {name for name, part in parts.items() if part["ok"]} >= {
        "instance",
        "data volume",
        "name",
        "https",
        "hub",
        "proxy",
        "spawn",
    }
    row = next(
        row
        for row in json.loads(golden_hub.runner.invoke("hubs", "--json").out)
        if row["domain"] == golden_hub.domain
    )
    assert row["health"] == "ok"
    assert row["certificate_days"] > 0
    group = golden_hub.runner.client("ec2").describe_security_groups(
        Filters=[{"Name": "tag:hubsmith:hub", "Values": [golden_hub.domain]}]
    )
    assert sorted(rule["FromPort"] for rule in group["SecurityGroups"][0]["IpPermissions"]) == [80, 443]


@pytest.mark.parametrize(
    "chosen",
    [
        pytest.param(("-k", "TestOfADomain or TestLaunched or TestNotebook"), id="of-a-launched-machine"),
        pytest.param((), id="all", marks=pytest.mark.exhaustive),
    ],
)
def test_the_images_tests_pass_on_the_running_hub(golden_hub: GoldenHub, chosen: tuple[str, ...]) -> None:
    arguments = json.dumps(["--numprocesses=2", "--dist=loadgroup", *chosen])
    done = json.loads(golden_hub.invoke("verify", "--json", "--set", f"tests.pytest_args={arguments}").out)
    (counts,) = done["tests"]
    assert (counts["stage"], counts["failed"]) == ("running", 0)
    cases = ET.parse(Path(done["folder"]) / "tests-running.xml").getroot().iter("testcase")
    passed = {str(case.get("name")).partition("[")[0] for case in cases if len(case) == 0}
    # A login, and what only a machine launched with a domain has: its certificate and its data volume.
    assert passed >= {
        "test_code_runs",
        "test_the_certificate_is_for_it",
        "test_lasting_folders_are_on_the_data_volume",
    }
    assert golden_hub.on_the_machine("getent passwd | grep --count ^test- || true") == "0"
    assert [
        name
        for name in json.loads(golden_hub.on_the_machine(f"/usr/bin/python3 -I -c '{WHOM_THE_HUB_KNOWS}'"))
        if "test-" in name
    ] == []


@pytest.mark.turn
def test_a_disk_like_ubuntus_is_mounted_with_all_its_partitions(
    golden_hub: GoldenHub, tmp_path: Path
) -> None:
    """As the look from outside does it, which this run's image, a Debian, has only the EFI partition for."""
    ec2, instance = golden_hub.runner.client("ec2"), golden_hub.document["instance_id"]
    zone = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["Placement"][
        "AvailabilityZone"
    ]
    volume = ec2.create_volume(Size=1, AvailabilityZone=zone)["VolumeId"]
    try:
        ec2.get_waiter("volume_available").wait(VolumeIds=[volume])
        ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device="/dev/sdk")
        serial, packed = (
            volume.replace("-", ""),
            base64.b64encode(gzip.compress(ubuntu_disk.make(tmp_path))).decode(),
        )
        golden_hub.on_the_machine(WRITE_TO_A_VOLUME.format(serial=serial, packed=packed))
        golden_hub.on_the_machine(
            f"echo {base64.b64encode(MOUNT_IMAGE.read_bytes()).decode()} | base64 -d | sh -s -- {serial} "
            "/run/ubuntu"
        )
        assert (
            golden_hub.on_the_machine("cd /run/ubuntu/boot && cat vmlinuz efi/loader")
            == "of the boot partition\nof the EFI partition"
        )
        told = golden_hub.on_the_machine(
            "findmnt --list --noheadings --output TARGET,OPTIONS | grep ^/run/ubuntu"
        )
        golden_hub.on_the_machine("umount --recursive /run/ubuntu")
        mounts = dict(line.split() for line in told.splitlines())
        assert sorted(mounts) == ["/run/ubuntu", "/run/ubuntu/boot", "/run/ubuntu/boot/efi"]
        assert all(options.startswith("ro,") for options in mounts.values())
    finally:
        ec2.detach_volume(VolumeId=volume)
        ec2.get_waiter("volume_available").wait(VolumeIds=[volume])
        ec2.delete_volume(VolumeId=volume)


def test_a_browser_for_its_operator(golden_hub: GoldenHub, tmp_path: Path) -> None:
    """`open` starts it; here it is one without a screen, which tells what it shows."""
    if not shutil.which("chromium"):
        pytest.skip("there is no chromium here (tests/host_packages.txt)")
    headless = tmp_path / "chromium"
    headless.write_text(
        '#!/bin/sh\necho $$ > "$0.pid"\nexec chromium --headless=new --disable-gpu '
        '--remote-debugging-port=0 "$@"\n'
    )
    headless.chmod(0o755)
    golden_hub.invoke("open", "--browser", str(headless))
    profile = golden_hub.runner.state / "hubs" / golden_hub.domain / "browser"
    with attached(profile, int(Path(f"{headless}.pid").read_text()), tmp_path) as browser:
        browser.wait_for("document.querySelector('#username_input') !== null", 120)
        assert browser.js("location.origin") == golden_hub.url


def test_the_role_allows_what_the_machine_did_and_no_more(golden_hub: GoldenHub) -> None:
    name = f"hubsmith-{golden_hub.domain}"
    policy = golden_hub.runner.client("iam").get_role_policy(RoleName=name, PolicyName="hub")[
        "PolicyDocument"
    ]
    assert_least_privilege(control.ensure_up(golden_hub.runner.state / "cloud"), name, policy)
