"""The cloud survives its server: kill -9, down and up, and an end without leftovers."""

from __future__ import annotations

import ctypes
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from build.errors import MachineError
from localcloud.server import control
from tests.cloud.conftest import processes_of
from tests.cloud.ec2_client import Ec2Client, refused, until

pytestmark = [pytest.mark.vm, pytest.mark.turn]


def kill(cloud: Ec2Client) -> None:
    """kill -9 of the server, and see it gone; its endpoint.json stays behind."""
    pid = cloud.endpoint.pid
    os.kill(pid, signal.SIGKILL)
    until(
        lambda: not Path(f"/proc/{pid}").exists() or os.waitpid(-1, os.WNOHANG) is None,
        5,
        "the end of the server",
    )
    assert (cloud.folder / "endpoint.json").exists()


def reopened(cloud: Ec2Client) -> Ec2Client:
    return Ec2Client(control.ensure_up(cloud.folder, port=0), cloud.folder, cloud.key)


def has_elastic_ip(cloud: Ec2Client, instance_id: str, allocation: dict[str, Any]) -> bool:
    """Do the instance and the address know of each other, and has nobody else been given it?"""
    ec2 = cloud.client("ec2")
    (address,) = ec2.describe_addresses(AllocationIds=[allocation["AllocationId"]])["Addresses"]
    # the first free ones, and more than the instances had
    others = [ec2.allocate_address(Domain="vpc") for _ in range(6)]
    for other in others:
        ec2.release_address(AllocationId=other["AllocationId"])
    both = address["PublicIp"] == cloud.look(instance_id)["PublicIpAddress"] == allocation["PublicIp"]
    return (
        both
        and address.get("InstanceId") == instance_id
        and address["PublicIp"] not in [other["PublicIp"] for other in others]
    )


def boot_id(cloud: Ec2Client, instance: dict[str, Any]) -> str:
    return cloud.ssh(instance, "cat /proc/sys/kernel/random/boot_id")


def send_to_thread(pid: int, thread: int, number: signal.Signals) -> None:
    """tgkill(2), which Python has for its own threads only."""
    tgkill = 234  # on x86-64, where the local cloud runs
    assert ctypes.CDLL(None).syscall(tgkill, pid, thread, number) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_the_server_ends_whichever_of_its_threads_takes_the_signal(
    fresh_cloud: Ec2Client, number: signal.Signals
) -> None:
    pid = fresh_cloud.endpoint.pid
    others = {int(thread.name) for thread in Path(f"/proc/{pid}/task").iterdir()} - {pid}
    # the first one made stays; the last one may be answering somebody
    send_to_thread(pid, min(others), number)
    until(lambda: control.find(fresh_cloud.folder) is None, 20, "the end of the server")
    until(lambda: processes_of(fresh_cloud.folder) == [], 20, "the end of its processes")


def test_killed_servers_machines_run_on_and_are_adopted_or_their_end_is_noticed(
    fresh_cloud: Ec2Client,
) -> None:
    cloud = fresh_cloud
    group = cloud.open_group(22)
    shared = {"SecurityGroupIds": [group], "MetadataOptions": {"HttpTokens": "optional"}}
    stays, stops = (cloud.run(**shared)["InstanceId"] for _ in range(2))
    goes = cloud.run(InstanceInitiatedShutdownBehavior="terminate", **shared)["InstanceId"]
    found = {instance_id: cloud.wait_for(instance_id, "running") for instance_id in (stays, stops, goes)}
    boot = boot_id(cloud, found[stays])
    for instance_id in (stops, goes):
        cloud.ssh(found[instance_id], "true")
    image = cloud.client("ec2").create_image(InstanceId=stays, Name="kept-image", NoReboot=True)["ImageId"]
    allocation = cloud.client("ec2").allocate_address(Domain="vpc")
    cloud.client("ec2").associate_address(AllocationId=allocation["AllocationId"], InstanceId=stays)
    cloud.client("ssm").put_parameter(Name="/kept", Value="yes", Type="String")

    kill(cloud)
    assert control.find(cloud.folder) is None
    for instance_id in (stops, goes):
        cloud.ssh(found[instance_id], "(sleep 0.2; poweroff) >/dev/null 2>&1 &")
    until(lambda: set(control.machines(cloud.folder)) == {stays}, 30, "the guests' shutdown")

    cloud = reopened(cloud)
    assert cloud.state(stays) == "running"
    assert has_elastic_ip(cloud, stays, allocation)
    assert boot_id(cloud, cloud.look(stays)) == boot
    assert cloud.wait_for(stops, "stopped", 10)["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    assert cloud.wait_for(goes, "terminated", 10)["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    assert (
        cloud.ssh(cloud.look(stays), "wget -qO- http://169.254.169.254/latest/meta-data/instance-id").strip()
        == stays
    )
    assert cloud.client("ec2").describe_images(ImageIds=[image])["Images"][0]["State"] == "available"
    assert cloud.client("ssm").get_parameter(Name="/kept")["Parameter"]["Value"] == "yes"
    cloud.client("ec2").terminate_instances(InstanceIds=[stays, stops])
    cloud.wait_for(stays, "terminated")
    cloud.client("ec2").delete_security_group(GroupId=group)


def test_what_was_under_way_is_finished_after_a_kill(fresh_cloud: Ec2Client) -> None:
    cloud = fresh_cloud
    pending = cloud.run()["InstanceId"]
    kill(cloud)
    cloud = reopened(cloud)
    cloud.wait_for(pending, "running", 30)
    cloud.client("ec2").terminate_instances(InstanceIds=[pending])
    kill(cloud)
    cloud = reopened(cloud)
    cloud.wait_for(pending, "terminated", 10)


def test_a_machine_no_instance_stands_for_is_ended(fresh_cloud: Ec2Client) -> None:
    """As after a state of yesterday was put back: what nobody can reach by the API must not run on."""
    cloud, state = fresh_cloud, fresh_cloud.folder / "state.pickle"
    earlier = state.read_bytes()
    instance_id = cloud.run()["InstanceId"]
    cloud.wait_for(instance_id, "running")
    kill(cloud)
    assert set(control.machines(cloud.folder)) == {instance_id}
    state.write_bytes(earlier)
    cloud = reopened(cloud)
    assert control.machines(cloud.folder) == {}
    with refused("InvalidInstanceID.NotFound"):
        cloud.look(instance_id)


def test_after_a_restart_of_the_computer_what_ran_runs_again(fresh_cloud: Ec2Client) -> None:
    cloud, kept = fresh_cloud, fresh_cloud.folder / "state.pickle"
    ran = cloud.run()["InstanceId"]
    cloud.wait_for(ran, "running")
    kill(cloud)
    os.kill(control.machines(cloud.folder)[ran], signal.SIGKILL)
    until(lambda: control.machines(cloud.folder) == {}, 10, "the end of the machine")
    header, _, body = kept.read_bytes().partition(b"\n")
    kept.write_bytes(json.dumps({**json.loads(header), "boot_id": "of yesterday"}).encode() + b"\n" + body)
    cloud = reopened(cloud)
    cloud.wait_for(ran, "running")
    assert set(control.machines(cloud.folder)) == {ran}


def test_down_powers_guests_down_and_up_starts_those_that_ran(fresh_cloud: Ec2Client) -> None:
    cloud = fresh_cloud
    group = cloud.open_group(22)
    ran, stood = (cloud.run(SecurityGroupIds=[group])["InstanceId"] for _ in range(2))
    cloud.wait_for(ran, "running")
    allocation = cloud.client("ec2").allocate_address(Domain="vpc")
    cloud.client("ec2").associate_address(AllocationId=allocation["AllocationId"], InstanceId=ran)
    instance = cloud.look(ran)
    # Not synced: the guest must have been asked, not cut off.
    boot = cloud.ssh(instance, "cat /proc/sys/kernel/random/boot_id; echo unsynced > /root/kept")
    cloud.wait_for(stood, "running")
    cloud.client("ec2").stop_instances(InstanceIds=[stood], Force=True)
    cloud.wait_for(stood, "stopped")

    control.down(cloud.folder)
    assert processes_of(cloud.folder) == []
    assert control.status(cloud.folder).endpoint is None

    cloud = reopened(cloud)
    instance = cloud.wait_for(ran, "running")
    assert cloud.state(stood) == "stopped"
    assert has_elastic_ip(cloud, ran, allocation)
    assert cloud.ssh(instance, "cat /root/kept") == "unsynced\n"
    assert boot_id(cloud, instance) not in boot


def test_down_after_a_kill_leaves_no_machine(fresh_cloud: Ec2Client) -> None:
    cloud = fresh_cloud
    cloud.wait_for(cloud.run()["InstanceId"], "running")
    kill(cloud)
    assert len(control.machines(cloud.folder)) == 1
    control.down(cloud.folder)
    assert processes_of(cloud.folder) == []


def test_reset_forgets_everything(fresh_cloud: Ec2Client) -> None:
    cloud = fresh_cloud
    instance_id = cloud.run()["InstanceId"]
    cloud.wait_for(instance_id, "running")
    control.reset(cloud.folder)
    assert processes_of(cloud.folder) == []
    assert not cloud.folder.exists()
    cloud = reopened(cloud)
    with refused("InvalidInstanceID.NotFound"):
        cloud.look(instance_id)


def test_up_is_one_server_however_often_it_is_asked_for_and_a_small_one(fresh_cloud: Ec2Client) -> None:
    assert control.ensure_up(fresh_cloud.folder) == fresh_cloud.endpoint
    fresh_cloud.client("ec2").describe_instance_types(InstanceTypes=["t3.large"])
    fresh_cloud.client("iam").list_roles()
    fresh_cloud.client("route53").list_hosted_zones()
    assert fresh_cloud.client("sts").get_caller_identity()["Account"] == fresh_cloud.endpoint.account
    status = control.status(fresh_cloud.folder)
    assert status.endpoint == fresh_cloud.endpoint
    assert status.resident_mib is not None
    assert status.resident_mib < 300


def test_another_clouds_port_is_not_taken_for_ours(fresh_cloud: Ec2Client, tmp_path: Path) -> None:
    """After kill -9 the file is stale; by now another cloud may have the port."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "endpoint.json").write_text((fresh_cloud.folder / "endpoint.json").read_text())
    assert control.find(other) is None


def test_a_cloud_that_cannot_start_says_why(fresh_cloud: Ec2Client, tmp_path: Path) -> None:
    port = int(fresh_cloud.endpoint.url.rpartition(":")[2])
    with pytest.raises(MachineError) as caught:
        control.ensure_up(tmp_path / "second", port=port)
    assert f"port {port} is taken" in str(caught.value.hint)
