"""Instances of a run: launch one, wait until it can be worked on, remove it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from build.aws import eventual, instances, tags
from build.aws.console import KernelWatch
from build.aws.placements import Placement, first_with_capacity
from build.aws.wait import wait_until
from build.bake import user_data, watch
from build.bake.state import Bake, Instance
from build.errors import CloudError, RemoteError
from build.remote import keys
from build.remote.greeting import greets
from build.remote.keys import SshKey
from build.remote.shell import Shell
from build.remote.ssh_target import SshTarget

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import (
        EbsBlockDeviceTypeDef,
        InstanceNetworkInterfaceSpecificationTypeDef,
        InstanceTypeDef,
        RunInstancesRequestTypeDef,
    )

_NEW = {"InvalidAMIID.NotFound", "InvalidAMIID.Unavailable", "InvalidGroup.NotFound"}
"""What EC2 answers about an image or a security group that was made a moment ago."""
_SSH_EVERY_S = 1.0


def launch(state: Bake, image_id: str, role: str, count: int = 1) -> tuple[Instance, ...]:
    """Run ``count`` instances of ``image_id``, then wait until each runs; ``role`` goes into their name.

    Instance types are tried in the manifest's order, each in every zone that offers it, while EC2 has no
    capacity. Raises CloudError.
    """
    host_keys = [keys.generate() for _ in range(count)]
    state.host_keys += host_keys
    ids = [
        _run(state, image_id, role, number, host_key) for number, host_key in enumerate(host_keys, start=1)
    ]
    return tuple(
        _when_running(state, instance_id, host_key)
        for instance_id, host_key in zip(ids, host_keys, strict=True)
    )


def _when_running(state: Bake, instance_id: str, host_key: SshKey) -> Instance:
    seen = wait_for_state(state, instance_id, "running", timeout_s=state.manifest.builder.timeouts.running_s)
    public = state.manifest.builder.address == "public"
    address = seen.get("PublicIpAddress") if public else seen.get("PrivateIpAddress")
    if not address:
        raise CloudError(
            f"{instance_id} has no {state.manifest.builder.address} address",
            hint="set builder.address, or builder.subnet_id to a subnet that gives public addresses",
        )
    target = SshTarget(address, state.base.login_user, state.run.key, (host_key.public,))
    return Instance(instance_id, address, target, KernelWatch(state.clients.ec2, instance_id))


def wait_for_state(state: Bake, instance_id: str, wanted: str, *, timeout_s: float) -> InstanceTypeDef:
    """Wait until the instance is ``wanted``; raises CloudError with EC2's reason when it ends instead."""
    return instances.wait_for_state(
        state.clients.ec2, instance_id, wanted, timeout_s=timeout_s, on_wait=state.report.waiting
    )


def wait_for_ssh(state: Bake, instance: Instance, *, since_boot: str = "") -> str:
    """Wait until sshd answers with the pinned host key; return the boot id.

    With ``since_boot`` (a boot id) waits for another boot than that one. Raises RemoteError with the last
    lines of the serial console when nobody answers in time, and as ``watch.check`` does.
    """

    def look() -> str:
        watch.check(state, instance)
        if not greets(instance.target.address, instance.target.tcp_port):
            return "not yet: no answer"
        try:
            with Shell(instance.target) as shell:
                return shell.run("cat /proc/sys/kernel/random/boot_id", timeout_s=30).output.strip()
        except RemoteError as exc:
            return f"not yet: {exc.message}"

    try:
        return wait_until(
            look,
            lambda seen: not seen.startswith("not yet") and seen != since_boot,
            what=f"ssh on {instance.id}",
            describe=lambda seen: (
                "still the old boot" if seen == since_boot else seen.removeprefix("not yet: ")
            ),
            timeout_s=state.manifest.builder.timeouts.ssh_s,
            on_wait=state.report.waiting,
            interval_s=_SSH_EVERY_S,
        )
    except CloudError as exc:
        watch.check(state, instance, now=True)
        message = exc.message + instance.kernel.likely_cause()
        raise RemoteError(
            message, hint=f"the end of its console:\n{instances.console_tail(state.clients.ec2, instance.id)}"
        ) from exc


def wait_for_cloud_init(state: Bake, instance: Instance) -> None:
    """Wait for cloud-init, where there is one. Raises RemoteError with its own words when it failed."""
    timeout_s = state.manifest.builder.timeouts.cloud_init_s
    state.report.waiting("cloud-init")
    with watch.shell(state, instance) as shell:
        if shell.run("command -v cloud-init", check=False).status != 0:
            return
        done = shell.run("cloud-init status --wait --long", timeout_s=timeout_s, check=False)
    # 2 is "recoverable errors": the boot is done, something was odd (cloud-init, "Exit codes").
    if done.status == 2:
        state.report.warn(f"cloud-init on {instance.id} had recoverable errors:\n{done.output}")
    elif done.status != 0:
        raise RemoteError(f"cloud-init on {instance.id} failed", hint=done.output)


def root_volume_of(state: Bake, instance_id: str) -> str:
    """The volume that an instance boots from. Raises RemoteError when it has none."""
    seen = instances.listed(state.clients.ec2, instance_id)
    for mapping in seen["BlockDeviceMappings"]:
        if mapping["DeviceName"] == seen["RootDeviceName"]:
            return mapping["Ebs"]["VolumeId"]
    raise RemoteError(f"{instance_id} has no root volume")


def terminate_all(state: Bake, role: str) -> None:
    """Terminate every instance of the run in ``role`` and wait until they are gone.

    By tag, not by id: an interrupt may have come between RunInstances and its answer.
    """
    eventual.settle(state.report.waiting)
    found = state.clients.ec2.describe_instances(
        Filters=[
            *tags.having(tags.RUN, state.run.id),
            *tags.having("Name", _name(state, role)),
            {
                "Name": "instance-state-name",
                "Values": ["pending", "running", "shutting-down", "stopping", "stopped"],
            },
        ]
    )["Reservations"]
    ids = [instance["InstanceId"] for reservation in found for instance in reservation["Instances"]]
    if not ids:
        return
    state.clients.ec2.terminate_instances(InstanceIds=ids)
    for instance_id in ids:
        wait_for_state(state, instance_id, "terminated", timeout_s=state.manifest.builder.timeouts.stop_s)


def _run(state: Bake, image_id: str, role: str, number: int, host_key: SshKey) -> str:
    def attempt(placement: Placement) -> str:
        return _run_at(state, _request(state, image_id, role, number, host_key, placement))

    return first_with_capacity(state.placements, attempt, state.report.note)


def _run_at(state: Bake, request: RunInstancesRequestTypeDef) -> str:
    """A refused request is repeated with the same token."""
    with eventual.creating():
        answer = eventual.retried(
            lambda: state.clients.ec2.run_instances(**request),
            what=request["ImageId"],
            codes=_NEW,
            on_wait=state.report.waiting,
        )
    return answer["Instances"][0]["InstanceId"]


def _request(
    state: Bake, image_id: str, role: str, number: int, host_key: SshKey, placement: Placement
) -> RunInstancesRequestTypeDef:
    named = {**state.run.tags, "Name": _name(state, role)}
    request: RunInstancesRequestTypeDef = {
        "ImageId": image_id,
        "InstanceType": placement.instance_type,  # type: ignore[typeddict-item]  # any string EC2 knows
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": _token(state, role, number, placement),
        "UserData": user_data.render(
            # Only then: anywhere else a key in the image's files is to be seen.
            host_key=host_key,
            run_key=state.run.key,
            shutdown_after_minutes=state.manifest.builder.lifetime_minutes,
            forget_keys=state.layer is not None and image_id == state.source_id,
        ),
        "MetadataOptions": {
            "HttpTokens": "required",
            "HttpEndpoint": "enabled",
            "HttpPutResponseHopLimit": 1,
        },
        "InstanceInitiatedShutdownBehavior": "terminate",
        "BlockDeviceMappings": [{"DeviceName": state.base.root_device, "Ebs": _root_volume(state)}],
        "NetworkInterfaces": [_interface(state, placement)],
        "TagSpecifications": tags.specifications(named, "instance", "volume", "network-interface"),
    }
    return request


def _token(state: Bake, role: str, number: int, placement: Placement) -> str:
    """EC2 answers a repeated request with the instance that it has made, and takes 64 characters."""
    where = (placement.subnet_id or "")[-6:]
    return f"{state.run.id}-{role}-{number}-{placement.instance_type}-{where}"[:64]


def _root_volume(state: Bake) -> EbsBlockDeviceTypeDef:
    root = state.manifest.builder.root_volume
    volume: EbsBlockDeviceTypeDef = {
        "VolumeSize": root.size_gib,
        "VolumeType": root.type,
        "Encrypted": root.encrypted,
        "DeleteOnTermination": True,
    }
    if root.iops is not None:
        volume["Iops"] = root.iops
    if root.throughput is not None:
        volume["Throughput"] = root.throughput
    if state.kms_key_arn is not None:
        volume["KmsKeyId"] = state.kms_key_arn
    return volume


def _interface(state: Bake, placement: Placement) -> InstanceNetworkInterfaceSpecificationTypeDef:
    interface: InstanceNetworkInterfaceSpecificationTypeDef = {
        "DeviceIndex": 0,
        "Groups": [state.network.group_id],
        "AssociatePublicIpAddress": state.manifest.builder.address == "public",
        "DeleteOnTermination": True,
    }
    if placement.subnet_id:
        interface["SubnetId"] = placement.subnet_id
    return interface


def _name(state: Bake, role: str) -> str:
    return f"hubsmith {role} {state.run.id}"
