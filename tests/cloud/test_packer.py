"""Packer's amazon-ebs builder against the local cloud: the peer, and a client that knows nothing of us."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from localcloud.server import control
from tests.cloud.ec2_client import FAST, Ec2Client

pytestmark = [
    pytest.mark.vm,
    pytest.mark.turn,
    pytest.mark.skipif(
        shutil.which("packer") is None, reason="packer is not installed (Debian: apt install packer)"
    ),
]

SCP = r"""cat > /usr/bin/scp <<'END'
#!/bin/bash
target="${!#}"
printf '\0'
while IFS= read -r line; do
  case $line in
  C*)
    read -r mode size name <<< "$line"
    path=$target
    [ -d "$target" ] && path=$target/$name
    printf '\0'
    dd bs=1 count="$size" of="$path" 2>/dev/null
    dd bs=1 count=1 of=/dev/null 2>/dev/null
    chmod "${mode#C}" "$path"
    printf '\0'
    ;;
  esac
done
END
chmod 755 /usr/bin/scp
sync
"""


def template(cloud: Ec2Client, base: str, folder: Path) -> Path:
    """Packer 1.6's own format, which later releases read too."""
    (folder / "greeting").write_text("hello from a file\n")
    builder = {
        "type": "amazon-ebs",
        "ami_name": "by-packer",
        "custom_endpoint_ec2": cloud.endpoint.url,
        "region": cloud.endpoint.region,
        "skip_region_validation": True,
        "skip_metadata_api_check": True,
        "source_ami_filter": {"filters": {"image-id": base}, "owners": ["self"], "most_recent": True},
        "instance_type": "t3.nano",
        "ssh_username": "root",
        "ssh_clear_authorized_keys": True,
        "temporary_security_group_source_cidrs": ["127.0.0.1/32"],
        "launch_block_device_mappings": [
            {"device_name": "/dev/sdf", "volume_size": 1, "delete_on_termination": True}
        ],
        "tags": {"made-by": "packer"},
        "snapshot_tags": {"made-by": "packer"},
        "ami_description": "what packer made",
    }
    provisioners = [
        {
            "type": "shell",
            "inline": ["mkdir -p /etc/greeting", "echo hello from a shell > /etc/greeting/shell"],
        },
        {"type": "file", "source": str(folder / "greeting"), "destination": "/etc/greeting/file"},
        {"type": "shell", "script": str(_script(folder))},
    ]
    path = folder / "template.json"
    path.write_text(json.dumps({"builders": [builder], "provisioners": provisioners}))
    return path


def _with_scp(cloud: Ec2Client) -> str:
    """An image from which Packer can work: it sends files through scp, of which the tiny image gets the
    receiving half, in shell.
    """
    ec2 = cloud.client("ec2")
    with cloud.instance() as instance:
        cloud.ssh(instance, SCP)
        image = ec2.create_image(InstanceId=instance["InstanceId"], Name="tiny with scp", NoReboot=True)[
            "ImageId"
        ]
        ec2.get_waiter("image_available").wait(ImageIds=[image], WaiterConfig=FAST)
    return str(image)


def _script(folder: Path) -> Path:
    path = folder / "last.sh"
    path.write_text(
        "#!/bin/sh\nset -e\ncat /etc/greeting/shell /etc/greeting/file > /etc/greeting/all\nsync\n"
    )
    return path


def test_it_makes_an_image_that_boots_and_holds_what_it_put_there(cloud: Ec2Client, tmp_path: Path) -> None:
    ec2, base = cloud.client("ec2"), _with_scp(cloud)
    before = {group["GroupId"] for group in ec2.describe_security_groups()["SecurityGroups"]}
    home = {
        "HOME": str(tmp_path),
        "CHECKPOINT_DISABLE": "1",
        "PACKER_CACHE_DIR": str(tmp_path),
        "PATH": os.environ["PATH"],
    }
    polls = {"AWS_POLL_DELAY_SECONDS": "1", "AWS_MAX_ATTEMPTS": "300"}
    command = ["packer", "build", "-color=false", "-machine-readable", str(template(cloud, base, tmp_path))]
    environment = {**home, **polls, **control.environment(cloud.endpoint)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    found = re.search(r"artifact,0,id,us-east-1:(ami-[0-9a-f]{17})", done.stdout)
    assert found, done.stdout[-4000:]

    image = ec2.describe_images(ImageIds=[found[1]])["Images"][0]
    assert (image["Name"], image["Description"], image["State"]) == (
        "by-packer",
        "what packer made",
        "available",
    )
    assert image["Tags"] == [{"Key": "made-by", "Value": "packer"}]
    snapshots = [mapping["Ebs"]["SnapshotId"] for mapping in image["BlockDeviceMappings"]]
    assert len(snapshots) == 2
    assert all(
        each["Tags"] == image["Tags"] for each in ec2.describe_snapshots(SnapshotIds=snapshots)["Snapshots"]
    )
    assert {group["GroupId"] for group in ec2.describe_security_groups()["SecurityGroups"]} == before
    assert not [key for key in ec2.describe_key_pairs()["KeyPairs"] if key["KeyName"].startswith("packer_")]

    with cloud.instance(ImageId=found[1]) as instance:
        volumes = [mapping["Ebs"]["VolumeId"] for mapping in instance["BlockDeviceMappings"]]
        assert cloud.ssh(instance, "cat /etc/greeting/all") == "hello from a shell\nhello from a file\n"
        assert "packer" not in cloud.ssh(instance, "cat /root/.ssh/authorized_keys")
    for volume in ec2.describe_volumes(Filters=[{"Name": "volume-id", "Values": volumes}])["Volumes"]:
        ec2.delete_volume(VolumeId=volume["VolumeId"])
    for image_id in (found[1], base):
        ec2.deregister_image(ImageId=image_id, DeleteAssociatedSnapshots=True)
