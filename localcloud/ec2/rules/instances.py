"""Start, stop, reboot, terminate, modify: EC2's state machine. What follows is reconciled later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from moto.core.types import Base64EncodedString
from moto.core.utils import utcnow
from moto.ec2.models.instances import InstanceState

from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.errors import Ec2Error, invalid_value, not_in_state_for
from localcloud.ec2.models import LocalInstance
from localcloud.ec2.rules import addresses, instance_types

LISTED_AFTER_TERMINATION = timedelta(hours=1)


@dataclass(frozen=True)
class InstanceChange:
    """One line of StartInstances', StopInstances' and TerminateInstances' answers."""

    instance_id: str
    previous_state: InstanceState
    current_state: InstanceState


def start(backend: LocalBackend, instance_ids: list[str]) -> list[InstanceChange]:
    """StartInstances; one that runs already stays as it is."""
    chosen = _chosen(backend, instance_ids)
    for instance in chosen:
        if instance.state not in ("stopped", "pending", "running"):
            raise not_in_state_for(instance.id, "started")
        if instance.state == "stopped" and not _has_root(instance):
            reason = f"Instance does not have a volume attached at root ({instance.root_device_name})"
            raise invalid_value(instance.id, "instanceId", reason)
    return [_begin(backend, instance, "pending", {"stopped"}) for instance in chosen]


def _has_root(instance: LocalInstance) -> bool:
    """One that is being detached is as good as gone."""
    return any(
        found.device == instance.root_device_name and found.status != "detaching"
        for found in instance.attachments
    )


def stop(backend: LocalBackend, instance_ids: list[str], *, force: bool) -> list[InstanceChange]:
    """StopInstances; force ends the machine at once, also one that is stopping already."""
    chosen = _chosen(backend, instance_ids)
    for instance in chosen:
        if instance.state not in ("running", "stopping", "stopped"):
            raise not_in_state_for(instance.id, "stopped")
        if instance.disable_api_stop:
            message = (
                f"The instance '{instance.id}' may not be stopped. Modify its 'disableApiStop' instance "
                "attribute and try again."
            )
            raise Ec2Error("OperationNotPermitted", message)
    for instance in chosen:
        instance.force_stop = force or instance.force_stop
    return [_begin(backend, instance, "stopping", {"running"}) for instance in chosen]


def reboot(backend: LocalBackend, instance_ids: list[str]) -> None:
    """RebootInstances."""
    chosen = _chosen(backend, instance_ids)
    for instance in chosen:
        if instance.state != "running":
            raise not_in_state_for(instance.id, "rebooted")
    for instance in chosen:
        instance.reboot_wanted = True
        backend.enqueue_instance(instance.id)


def terminate(backend: LocalBackend, instance_ids: list[str]) -> list[InstanceChange]:
    """TerminateInstances; terminating twice is no error."""
    chosen = _chosen(backend, instance_ids)
    for instance in chosen:
        if instance.disable_api_termination:
            message = (
                f"The instance '{instance.id}' may not be terminated. Modify its "
                "'disableApiTermination' instance attribute and try again."
            )
            raise Ec2Error("OperationNotPermitted", message)
    return [
        _begin(backend, instance, "shutting-down", {"pending", "running", "stopping", "stopped"})
        for instance in chosen
    ]


def _chosen(backend: LocalBackend, instance_ids: list[str]) -> list[LocalInstance]:
    if not instance_ids:
        raise Ec2Error("InvalidParameterCombination", "No instances specified")
    unknown = [
        found for found in instance_ids if found.startswith("i-") and backend.find_instance(found) is None
    ]
    if len(unknown) > 1:
        raise Ec2Error("InvalidInstanceID.NotFound", f"The instance IDs '{', '.join(unknown)}' do not exist")
    return [backend.instance(instance_id) for instance_id in dict.fromkeys(instance_ids)]


def _begin(
    backend: LocalBackend, instance: LocalInstance, state: str, from_states: set[str]
) -> InstanceChange:
    previous = instance.instance_state
    if instance.state in from_states:
        user_ends_it = state != "pending"
        code, message = (
            ("Client.UserInitiatedShutdown", "User initiated shutdown") if user_ends_it else ("", "")
        )
        instance.become(state, code=code, message=message)
        if state == "pending":
            instance.launch_time = utcnow()
            addresses.give_public_address(backend, instance)
    backend.enqueue_instance(instance.id)
    return InstanceChange(instance.id, previous, instance.instance_state)


_ONLY_STOPPED = ("InstanceType", "UserData", "EbsOptimized")
_SIMPLE = {
    "DisableApiTermination": "disable_api_termination",
    "DisableApiStop": "disable_api_stop",
    "SourceDestCheck": "source_dest_check",
    "EbsOptimized": "ebs_optimized",
}


def modify(backend: LocalBackend, instance_id: str, attribute: str, value: str | bool) -> None:
    """ModifyInstanceAttribute of one attribute, by the API's name of it; user data is base64."""
    instance = backend.instance(instance_id)
    if attribute in _ONLY_STOPPED and instance.state != "stopped":
        raise Ec2Error(
            "IncorrectInstanceState", f"The instance '{instance.id}' is not in the 'stopped' state."
        )
    if attribute in _SIMPLE:
        setattr(instance, _SIMPLE[attribute], value)
    elif attribute == "InstanceType":
        instance_types.check(backend, str(value), instance.architecture or "")
        instance.instance_type = str(value)
    elif attribute == "UserData":
        instance.user_data = Base64EncodedString(str(value)) if value else None
    elif attribute == "InstanceInitiatedShutdownBehavior":
        if value not in ("stop", "terminate"):
            raise invalid_value(value, "instanceInitiatedShutdownBehavior")
        instance.instance_initiated_shutdown_behavior = str(value)
    else:
        raise invalid_value(attribute, "attribute")


def keep_on_termination(
    backend: LocalBackend, instance_id: str, mappings: Iterable[Mapping[str, Any]]
) -> None:
    """ModifyInstanceAttribute of block device mappings: DeleteOnTermination."""
    instance = backend.instance(instance_id)
    for mapping in mappings:
        device = mapping.get("DeviceName") or ""
        attachment = instance.block_device_mapping.get(device)
        if attachment is None or attachment.status == "attaching":
            raise Ec2Error("InvalidInstanceAttributeValue", f"No device is currently mapped at {device}")
        if "DeleteOnTermination" in mapping.get("Ebs", {}):
            attachment.delete_on_termination = mapping["Ebs"]["DeleteOnTermination"]


def forget_terminated(backend: LocalBackend) -> bool:
    """Drop instances that ended an hour ago, as EC2 does; True when there were any."""
    now, dropped = utcnow(), False
    for reservation in list(backend.reservations.values()):
        for instance in list(reservation.instances):
            if (
                isinstance(instance, LocalInstance)
                and instance.terminated_at
                and now - instance.terminated_at > LISTED_AFTER_TERMINATION
            ):
                reservation.instances.remove(instance)
                backend.tags.pop(instance.id, None)
                backend.host.forget_machine(instance.id)
                dropped = True
        if not reservation.instances:
            del backend.reservations[reservation.id]
    return dropped
