"""The systemd timer fires in a machine of the local cloud and compares against the cloud's own endpoint."""

from __future__ import annotations

import io
import shlex
import subprocess
import tarfile
from pathlib import Path

import pytest

from localcloud import base_image
from tests.cloud.customer import Customer, until
from tests.cloud.workshop import REPO

# Needs a Debian guest for minutes: apt, pip and a boot under emulation.
pytestmark = [pytest.mark.vm, pytest.mark.exhaustive]
GUEST_SEES_THE_HOST_AT = "169.254.0.1"
UNIT = "hubsmith-rebuild-watched"
SETUP = """
set -eu
cloud-init status --wait >/dev/null || true
mkdir -p /opt/hubsmith /root/.aws
tar -x -f - -C /opt/hubsmith
printf '[default]\\naws_access_key_id = test\\naws_secret_access_key = test\\n' > /root/.aws/credentials
printf '[default]\\nregion = us-east-1\\nendpoint_url = {endpoint}\\n' > /root/.aws/config
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends make python3-venv git >/dev/null
cd /opt/hubsmith && make .venv/.runtime >/dev/null
"""


def checkout() -> bytes:
    """The files of this checkout as a tar."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPO,
        capture_output=True,
        check=True,
    )
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in filter(None, listed.stdout.decode().split("\0")):
            if (REPO / name).is_file():
                tar.add(REPO / name, arcname=name)
    return buffer.getvalue()


def test_a_timer_fires_and_looks(cloud: Customer, tmp_path: Path) -> None:
    base_image.ensure("debian-13", progress=print)
    images = cloud.client("ec2").describe_images(Filters=[{"Name": "name", "Values": ["debian-13-*"]}])[
        "Images"
    ]
    debian = max(images, key=lambda image: image["CreationDate"])["ImageId"]
    port = cloud.endpoint.url.rpartition(":")[2]
    setup = SETUP.format(endpoint=f"http://{GUEST_SEES_THE_HOST_AT}:{port}")
    with cloud.instance(ImageId=debian, InstanceType="t3.medium") as instance:
        with cloud.connected(instance, timeout_s=900, user="admin") as client:
            stdin, stdout, stderr = client.exec_command(f"sudo sh -c {shlex.quote(setup)}", timeout=1800)
            stdin.write(checkout())
            stdin.close()
            assert stdout.channel.recv_exit_status() == 0, stderr.read().decode()[-2000:]

        def root(command: str) -> str:
            return cloud.ssh(
                instance, f"sudo sh -c {shlex.quote(command)}", timeout_s=300, user="admin"
            ).strip()

        words = "--check --cloud aws --set image.name=watched --set python.accept_terms=true"
        root(
            "cd /opt/hubsmith && .venv/bin/invoke schedule --on systemd "
            f"""--every "$(date -d '+2 min' '+%a %H:%M')" {words}"""
        )
        assert f"{UNIT}.timer" in root("systemctl list-timers --no-legend")
        until(lambda: "due: " in root(f"journalctl --unit {UNIT}.service --no-pager"), 600, "the timer")
        until(
            lambda: root(f"systemctl is-active {UNIT}.service || true") == "failed",
            120,
            "the end of the check",
        )
        assert root(f"systemctl show --property ExecMainStatus --value {UNIT}.service") == "3"
        assert "there is no published image watched yet" in root(
            f"journalctl --unit {UNIT}.service --no-pager"
        )
        root("cd /opt/hubsmith && .venv/bin/invoke schedule --on systemd --remove --set image.name=watched")
        assert root(f"systemctl list-unit-files '{UNIT}.*' --no-legend || true") == ""
