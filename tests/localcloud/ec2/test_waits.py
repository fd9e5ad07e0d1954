"""What the product waits for, against the local cloud's own answers over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.ec2.models import ec2_backends
from werkzeug.serving import make_server

from build.aws import images, snapshots, volumes
from localcloud.ec2.host import Host
from localcloud.ec2.install import install
from localcloud.faults.fault import Fault
from localcloud.server.wsgi import CloudApp, QuietHandler
from tests.cloud.ec2_client import refused
from tests.http_server import answering


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """Images and snapshots are pending until the test lets them go: busy hosts are too slow for times."""
    host = Host(tmp_path)
    host.open()
    for change in ("image", "snapshot"):
        host.faults.set(Fault("state", change=change, seconds=3600))
    yield host
    host.close()


@pytest.fixture
def ec2(host: Host) -> Iterator[Any]:
    install(host)
    app = CloudApp(host, lambda: {"pid": 1})
    with answering(make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)) as server:
        yield boto3.client(
            "ec2",
            endpoint_url=f"http://127.0.0.1:{server.port}",
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
        )
    for account in ec2_backends.values():
        account.clear()


def let_go(host: Host) -> Callable[[str], None]:
    """To be told what is waited for: it ends what is pending."""

    def waiting(_: str) -> None:
        host.faults.clear()

    return waiting


def test_a_snapshot_is_waited_for(ec2: Any, host: Host) -> None:
    volume = ec2.create_volume(Size=1, AvailabilityZone="us-east-1a")["VolumeId"]
    volumes.wait_for_state(ec2, volume, "available", timeout_s=60)
    assert snapshots.why_not_now(ec2, volume) is None
    assert ec2.create_snapshot(VolumeId=volume)["State"] == "pending"
    assert "is pending that was begun" in (snapshots.why_not_now(ec2, volume) or "")
    with refused("SnapshotCreationPerVolumeRateExceeded"):
        ec2.create_snapshot(VolumeId=volume)
    snapshots.wait_until_allowed(ec2, volume, timeout_s=60, on_wait=let_go(host))

    host.faults.set(Fault("state", change="snapshot", seconds=3600))
    ec2.create_snapshot(VolumeId=volume)
    again = snapshots.when_allowed(
        lambda: ec2.create_snapshot(VolumeId=volume), what="it", timeout_s=60, on_wait=let_go(host)
    )
    assert again["State"] == "pending"


def test_an_image_is_waited_for(ec2: Any, host: Host) -> None:
    volume = ec2.create_volume(Size=1, AvailabilityZone="us-east-1a")["VolumeId"]
    host.faults.clear()
    made = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    snapshots.wait_until_allowed(ec2, volume, timeout_s=60)
    host.faults.set(Fault("state", change="image", seconds=3600))
    disk = {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": made}}
    image = ec2.register_image(Name="one", RootDeviceName="/dev/xvda", BlockDeviceMappings=[disk])["ImageId"]
    assert (images.described(ec2, image) or {})["State"] == "pending"
    images.wait_until_available(ec2, image, timeout_s=60, on_wait=let_go(host))
    ec2.deregister_image(ImageId=image)
    assert images.described(ec2, image) is None
