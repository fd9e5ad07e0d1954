"""What the product waits for, against the local cloud's own answers over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.ec2.models import ec2_backends
from werkzeug.serving import make_server

from build.aws import images, snapshots, volumes
from localcloud.ec2.host import Host
from localcloud.ec2.install import install
from localcloud.ec2.pace import Pace
from localcloud.server.wsgi import CloudApp, QuietHandler
from tests.cloud.customer import refused
from tests.web import answering


@pytest.fixture
def ec2(tmp_path: Path) -> Iterator[Any]:
    host = Host(tmp_path)
    host.open()
    install(host)
    host.pace = Pace(image_s=2, snapshot_s=2)  # on a busy host the times of every day are over too soon
    app = CloudApp(host, lambda: {"pid": 1})
    with answering(make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)) as server:
        yield boto3.client(
            "ec2",
            endpoint_url=f"http://127.0.0.1:{server.port}",
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
        )
    host.close()
    for account in ec2_backends.values():
        account.clear()


def test_snapshots_and_images_are_waited_for(ec2: Any) -> None:
    volume = ec2.create_volume(Size=1, AvailabilityZone="us-east-1a")["VolumeId"]
    volumes.wait_for_state(ec2, volume, "available", timeout_s=10)
    assert snapshots.why_not_now(ec2, volume) is None
    made = ec2.create_snapshot(VolumeId=volume)
    assert made["State"] == "pending"
    assert "is pending that was begun" in (snapshots.why_not_now(ec2, volume) or "")
    with refused("SnapshotCreationPerVolumeRateExceeded"):
        ec2.create_snapshot(VolumeId=volume)
    snapshots.wait_until_allowed(ec2, volume, timeout_s=10)

    disk = {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": made["SnapshotId"]}}
    image = ec2.register_image(Name="one", RootDeviceName="/dev/xvda", BlockDeviceMappings=[disk])["ImageId"]
    seen: list[str] = []
    found = images.wait_until_available(ec2, image, timeout_s=10, on_wait=seen.append)
    assert found["ImageId"] == image
    assert set(seen) == {f"{image}: pending"}
    ec2.deregister_image(ImageId=image)
    assert images.described(ec2, image) is None

    ec2.create_snapshot(VolumeId=volume)
    again = snapshots.when_allowed(
        lambda: ec2.create_snapshot(VolumeId=volume), what="the next one", timeout_s=10, on_wait=seen.append
    )
    assert again["State"] == "pending"
    assert seen[-1] == "the next one: SnapshotCreationPerVolumeRateExceeded"
