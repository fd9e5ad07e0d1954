"""The states of an instance, from running to its end: stopped, started, rebooted, terminated, by the client
or its guest.
"""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.ec2.host import runtime_folder
from tests.cloud.ec2_client import Ec2Client, refused, until

pytestmark = pytest.mark.vm


def test_stop_start_reboot_and_terminate(ec2: Any, cloud: Ec2Client) -> None:
    with cloud.instance() as instance:
        ids = [instance["InstanceId"]]
        cloud.ssh(instance, "echo one > /root/kept && sync")

        change = ec2.stop_instances(InstanceIds=ids)["StoppingInstances"][0]
        assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == ("running", "stopping")
        with refused("IncorrectInstanceState", "is not in a state from which it can be started"):
            ec2.start_instances(InstanceIds=ids)
        stopped = cloud.wait_for(ids[0], "stopped")
        assert stopped["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
        assert "PublicIpAddress" not in stopped
        assert (
            ec2.stop_instances(InstanceIds=ids)["StoppingInstances"][0]["CurrentState"]["Name"] == "stopped"
        )
        with refused("IncorrectInstanceState", "rebooted"):
            ec2.reboot_instances(InstanceIds=ids)

        change = ec2.start_instances(InstanceIds=ids)["StartingInstances"][0]
        assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == ("stopped", "pending")
        started = cloud.wait_for(ids[0], "running")
        assert "StateReason" not in started
        assert cloud.ssh(started, "cat /root/kept") == "one\n"

        boot = cloud.ssh(started, "cat /proc/sys/kernel/random/boot_id; echo two > /root/kept")
        ec2.reboot_instances(InstanceIds=ids)
        until(lambda: not answers_with(cloud, started, boot), 120, "the reboot")
        assert cloud.state(ids[0]) == "running"
        assert cloud.ssh(started, "cat /root/kept") == "two\n"


def answers_with(cloud: Ec2Client, instance: dict[str, Any], boot: str) -> bool:
    """Is it still the boot of then that answers?"""
    return cloud.ssh(instance, "cat /proc/sys/kernel/random/boot_id") == boot


def test_terminated_twice_and_everything_it_had_is_gone(ec2: Any, cloud: Ec2Client) -> None:
    with cloud.instance() as instance:
        ids = [instance["InstanceId"]]
        ec2.modify_instance_attribute(InstanceId=ids[0], DisableApiTermination={"Value": True})
        with refused(
            "OperationNotPermitted",
            "may not be terminated. Modify its 'disableApiTermination' instance attribute",
        ):
            ec2.terminate_instances(InstanceIds=ids)
        ec2.modify_instance_attribute(InstanceId=ids[0], DisableApiTermination={"Value": False})
        change = ec2.terminate_instances(InstanceIds=ids)["TerminatingInstances"][0]
        assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == (
            "running",
            "shutting-down",
        )
        ended = cloud.wait_for(ids[0], "terminated")
        assert ended["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
        assert not {"PublicIpAddress", "PrivateIpAddress", "SubnetId", "VpcId"} & set(ended)
        assert ended["NetworkInterfaces"] == []
        assert list(runtime_folder(cloud.folder).glob(f"{ids[0]}.*")) == []
        again = ec2.terminate_instances(InstanceIds=ids)["TerminatingInstances"][0]
        assert (again["PreviousState"]["Name"], again["CurrentState"]["Name"]) == ("terminated", "terminated")
        with refused("IncorrectInstanceState", "started"):
            ec2.start_instances(InstanceIds=ids)
        volume_id = instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
        with refused("InvalidVolume.NotFound", f"The volume '{volume_id}' does not exist."):
            ec2.describe_volumes(VolumeIds=[volume_id])
        until(
            lambda: not (cloud.folder / "layers" / f"{volume_id}.qcow2").exists(), 10, "the layer's removal"
        )


@pytest.mark.parametrize(("behavior", "state"), [("stop", "stopped"), ("terminate", "terminated")])
def test_a_guest_that_shuts_itself_down(ec2: Any, cloud: Ec2Client, behavior: str, state: str) -> None:
    with cloud.instance(InstanceInitiatedShutdownBehavior=behavior) as instance:
        cloud.ssh(instance, "(sleep 0.2; poweroff) >/dev/null 2>&1 &")
        ended = cloud.wait_for(instance["InstanceId"], state)
        assert ended["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
        assert (
            ended["StateReason"]["Message"] == "Client.InstanceInitiatedShutdown: Instance initiated shutdown"
        )


def test_a_machine_that_cannot_start_ends_with_the_reason(ec2: Any, cloud: Ec2Client) -> None:
    zone = "us-east-1a"
    blank = ec2.create_volume(AvailabilityZone=zone, Size=1)["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=blank)["SnapshotId"]
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot], WaiterConfig={"Delay": 1})
    mapping = {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}
    image = ec2.register_image(
        Name="broken", Architecture="x86_64", RootDeviceName="/dev/xvda", BlockDeviceMappings=[mapping]
    )["ImageId"]
    ec2.get_waiter("image_available").wait(ImageIds=[image], WaiterConfig={"Delay": 1})
    layer = cloud.folder / "layers" / f"{blank}.qcow2"
    instance_id = ""
    try:
        instance_id = cloud.run(ImageId=image)["InstanceId"]
        cloud.wait_for(instance_id, "running")
        ec2.stop_instances(InstanceIds=[instance_id], Force=True)
        cloud.wait_for(instance_id, "stopped")
        content = layer.read_bytes()
        layer.write_bytes(b"not a disk")
        ec2.start_instances(InstanceIds=[instance_id])
        until(
            lambda: cloud.look(instance_id).get("StateReason", {}).get("Code") == "Server.InternalError",
            30,
            "the failure",
        )
        stopped = cloud.wait_for(instance_id, "stopped")
        assert "Image is not in qcow2 format" in stopped["StateReason"]["Message"]
        layer.write_bytes(content)
    finally:
        cloud.end(instance_id)
        ec2.deregister_image(ImageId=image)
        ec2.delete_snapshot(SnapshotId=snapshot)
        ec2.delete_volume(VolumeId=blank)
