"""Where the hub lives: a subnet in the zone of its data volume, which cannot leave its zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from build.aws import placements
from build.aws.placements import Placement
from build.errors import UserError
from build.hubs import instances
from build.hubs.models import SubnetChoice
from build.hubs.volume import own_volume
from build.launch import volume
from build.launch.state import LaunchState
from build.pipeline import Step

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import SubnetTypeDef


class FindSubnet(Step[LaunchState]):
    """The subnet given, else those of the default VPC that offer an instance type, in the zone of the data
    volume if there is one.

    Produces: subnet (the first of them), placements unless the running instance stays.
    """

    title = "find the subnet"

    def run(self, state: LaunchState) -> None:
        """Raises UserError when no subnet serves, or an instance type cannot be a hub's."""
        data_volume = own_volume(state.clients, state.hub)
        if data_volume is None:
            volume.find_key(state)
        zone = data_volume["AvailabilityZone"] if data_volume else None
        running = instances.of_hub(state.clients, state.hub)
        subnets = _subnets(state, zone, running[-1].subnet_id if running else None)
        first = subnets[0]
        if not running or state.options.replace:
            state.placements = _placements(state, subnets, zone)
            _check_types(state)
            chosen = state.placements[0].subnet_id
            first = next(subnet for subnet in subnets if subnet["SubnetId"] == chosen)
        state.subnet = SubnetChoice(first["VpcId"], first["SubnetId"], first["AvailabilityZone"])
        state.report.note(f"subnet {state.subnet.subnet_id} in {state.subnet.zone}")


def _subnets(state: LaunchState, zone: str | None, running_in: str | None) -> list[SubnetTypeDef]:
    """Those that come into question, ordered by zone."""
    if state.options.subnet_ids:
        return _given(state, zone)
    ec2 = state.clients.ec2
    if running_in:
        return ec2.describe_subnets(SubnetIds=[running_in])["Subnets"]
    found = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    if not found:
        raise UserError(
            f"{state.clients.cloud.region} has no default subnet",
            hint="set launch.subnet_id, or use --subnet",
            where=str(state.manifest.path),
        )
    in_zone = [subnet for subnet in found if zone in (None, subnet["AvailabilityZone"])]
    if not in_zone:
        raise UserError(
            f"there is no default subnet in {zone}, where the data volume is",
            hint="set launch.subnet_id, or use --subnet",
        )
    return sorted(in_zone, key=lambda subnet: subnet["AvailabilityZone"])


def _given(state: LaunchState, zone: str | None) -> list[SubnetTypeDef]:
    """Those that are named, in their order, as far as they are in the zone of the data volume."""
    named = state.options.subnet_ids
    words = f"--subnet {' or '.join(named)}"
    try:
        found = state.clients.ec2.describe_subnets(SubnetIds=named)["Subnets"]
    except ClientError as exc:
        raise UserError(f"{words}: {exc.response['Error'].get('Message')}") from exc
    if len({subnet["VpcId"] for subnet in found}) > 1:
        raise UserError(f"{words}: the subnets are of several VPCs, and a security group is of one")
    zones = [subnet["AvailabilityZone"] for subnet in found]
    if zone and zone not in zones:
        raise UserError(
            f"{words} is in {' or '.join(zones)}, but the data volume of {state.hub.domain} is in {zone}",
            hint=(
                f"choose a subnet in {zone}; to move, make a volume from a snapshot of the old one there "
                "and give it its tags"
            ),
        )
    in_zone = [subnet for subnet in found if zone in (None, subnet["AvailabilityZone"])]
    return sorted(in_zone, key=lambda subnet: named.index(subnet["SubnetId"]))


def _placements(state: LaunchState, subnets: list[SubnetTypeDef], zone: str | None) -> tuple[Placement, ...]:
    """In each zone the types in their order: the next zone takes another data volume."""
    wanted = state.options.instance_types
    offers = placements.offers(state.clients.ec2, wanted)
    found = tuple(
        Placement(kind, subnet["SubnetId"], subnet["AvailabilityZone"])
        for subnet in subnets
        for kind in wanted
        if (kind, subnet["AvailabilityZone"]) in offers
    )
    missing = [kind for kind in wanted if kind not in {placement.instance_type for placement in found}]
    zones = sorted({subnet["AvailabilityZone"] for subnet in subnets})
    where = f"{zone}, where the data volume is" if zone else " or ".join(zones)
    if not found:
        raise UserError(
            f"{' and '.join(missing)} not offered in {where}",
            hint="choose other types (launch.instance_types, --instance-type) or another --subnet",
        )
    if missing:
        state.report.warn(f"{', '.join(missing)} not offered in {where}: left out")
    return found


def _check_types(state: LaunchState) -> None:
    """A hub finds its data volume by the serial number of the disk."""
    offered = list(dict.fromkeys(placement.instance_type for placement in state.placements))
    for kind in placements.described(state.clients.ec2, offered):
        if placements.hides_volume_ids(kind):
            raise UserError(
                f"{kind['InstanceType']} {placements.NO_VOLUME_IDS}; a hub would not find its data volume",
                hint=placements.NITRO_HINT,
            )
