"""RunInstances: the rules, and the launch itself.

A launch that is refused has changed nothing; one that is accepted returns pending instances.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from moto.ec2.models.instances import MetadataOptions, Reservation
from moto.ec2.models.security_groups import SecurityGroup
from moto.ec2.models.subnets import Subnet
from moto.ec2.utils import random_reservation_id

from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.errors import Ec2Error, bad_value, invalid_value
from localcloud.ec2.models import LocalAmi, LocalInstance
from localcloud.ec2.rules import (
    addresses,
    attachments,
    images,
    instance_profiles,
    instance_types,
    metadata_options,
    volumes,
)
from localcloud.ec2.run_instances_request import LaunchRequest

USER_DATA_LIMIT = 16384  # bytes before base64


@dataclass(frozen=True)
class _Plan:
    image: LocalAmi
    subnet: Subnet
    groups: tuple[SecurityGroup, ...]
    disks: tuple[volumes.Disk, ...]


def launch(backend: LocalBackend, request: LaunchRequest) -> Reservation:
    """Make the instances, pending, and let them boot in the background."""
    plan = _plan(backend, request)
    reservation = Reservation(random_reservation_id(), owner_id=backend.account_id)
    backend.reservations[reservation.id] = reservation
    for index in range(request.max_count):
        _create(backend, reservation, request, plan, index)
    for instance in reservation.instances:
        backend.enqueue_instance(instance.id)
    return reservation


def check(backend: LocalBackend, request: LaunchRequest) -> None:
    """DryRun: raise what a launch would raise, make nothing."""
    _plan(backend, request)


def _plan(backend: LocalBackend, request: LaunchRequest) -> _Plan:
    """Check everything; raises EC2's error for the first thing wrong."""
    _check_counts(request)
    image = images.usable(backend, request.image_id)
    instance_types.check(backend, request.instance_type, image.architecture or "")
    if request.key_name is not None and request.key_name not in backend.key_pairs:
        raise Ec2Error("InvalidKeyPair.NotFound", f"The key pair '{request.key_name}' does not exist")
    subnet = _subnet(backend, request)
    instance_types.check_zone(backend, request.instance_type, subnet.availability_zone)
    groups = _groups(backend, request, subnet.vpc_id)
    _check_user_data(request.user_data)
    metadata_options.check(request.metadata_options)
    if request.shutdown_behavior not in ("stop", "terminate"):
        raise invalid_value(request.shutdown_behavior, "instanceInitiatedShutdownBehavior")
    if request.profile_name or request.profile_arn:
        instance_profiles.find(backend, request.profile_name, request.profile_arn)
    disks = volumes.plan_disks(backend, image, request.device_mappings)
    return _Plan(image, subnet, groups, disks)


def _check_counts(request: LaunchRequest) -> None:
    if request.min_count < 1 or request.max_count < 1:
        raise bad_value("minCount and maxCount must be at least 1")
    if request.min_count > request.max_count:
        raise Ec2Error(
            "InvalidParameterCombination",
            "The minimum number of instances may not exceed the maximum number of instances",
        )
    if request.max_count > 1 and request.private_ip:
        raise Ec2Error("InvalidParameterCombination", "PrivateIpAddress may be given for one instance only")


def _check_user_data(encoded: str | None) -> None:
    if encoded is None:
        return
    try:
        size = len(base64.b64decode(encoded, validate=True))
    except ValueError:
        raise Ec2Error("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.") from None
    if size > USER_DATA_LIMIT:
        raise bad_value(f"User data is limited to {USER_DATA_LIMIT} bytes")


def _subnet(backend: LocalBackend, request: LaunchRequest) -> Subnet:
    if request.subnet_id:
        return backend.get_subnet(request.subnet_id)
    if request.zone and backend.get_zone_by_name(request.zone) is None:
        raise invalid_value(request.zone, "AvailabilityZone")
    defaults = backend.get_default_subnets()
    zone = request.zone or _best_zone(backend, request.instance_type, sorted(defaults))
    if zone is None or zone not in defaults:
        raise Ec2Error("MissingInput", "No subnets found for the default VPC. Please specify a subnet.")
    return defaults[zone]


def _best_zone(backend: LocalBackend, instance_type: str, zones: list[str]) -> str | None:
    """Without a subnet or zone EC2 chooses one where the instance can run, if there is one."""
    for zone in zones:
        try:
            instance_types.check_zone(backend, instance_type, zone)
        except Ec2Error:
            continue
        return zone
    return zones[0] if zones else None


def _groups(backend: LocalBackend, request: LaunchRequest, vpc_id: str) -> tuple[SecurityGroup, ...]:
    found = [(name, backend.get_security_group_from_name(name, vpc_id)) for name in request.group_names]
    found += [(group_id, backend.get_security_group_from_id(group_id)) for group_id in request.group_ids]
    if not found:
        found = [("default", backend.get_default_security_group(vpc_id))]
    groups: dict[str, SecurityGroup] = {}
    for name, group in found:
        if group is None:
            raise Ec2Error("InvalidGroup.NotFound", f"The security group '{name}' does not exist")
        if group.vpc_id != vpc_id:
            raise Ec2Error(
                "InvalidParameter", f"Security group {group.id} and subnet belong to different networks."
            )
        groups[group.id] = group
    return tuple(groups.values())


def _create(
    backend: LocalBackend, reservation: Reservation, request: LaunchRequest, plan: _Plan, index: int
) -> None:
    instance = LocalInstance(backend, request, plan.subnet.id, list(plan.groups), index)  # type: ignore[abstract]  # not at run time
    _require_tokens(instance, request, plan.image)
    reservation.instances.append(instance)
    instance.become("pending")
    instance.add_tags(dict(request.tags.get("instance", {})))
    for interface in instance.nics.values():
        interface.add_tags(dict(request.tags.get("network-interface", {})))
    for disk in plan.disks:
        volume = volumes.create(backend, disk.volume, plan.subnet.availability_zone)
        volume.add_tags(dict(request.tags.get("volume", {})))
        attachments.bind(
            volume, instance, disk.device, delete_on_termination=disk.delete_on_termination, status="attached"
        )
    if request.profile_name or request.profile_arn:
        instance_profiles.associate(
            backend, instance.id, instance_profiles.find(backend, request.profile_name, request.profile_arn)
        )
    instance.public_address_wanted = (
        plan.subnet.map_public_ip_on_launch
        if request.associate_public_ip is None
        else request.associate_public_ip
    )
    addresses.give_public_address(backend, instance)


def _require_tokens(instance: LocalInstance, request: LaunchRequest, image: LocalAmi) -> None:
    """An image registered with IMDS support v2.0 makes tokens the default, with a hop for containers."""
    if image.imds_support == "v2.0":
        defaults = {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}
        instance.metadata_options = MetadataOptions(defaults | dict(request.metadata_options))
