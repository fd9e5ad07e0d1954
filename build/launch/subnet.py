"""Where the hub lives: a subnet in the zone of its data volume, which cannot leave its zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from build.errors import UserError
from build.hubs import instances
from build.hubs.models import SubnetChoice
from build.launch import volume
from build.launch.state import LaunchState
from build.pipeline import Step

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import SubnetTypeDef


class FindSubnet(Step[LaunchState]):
    """The subnet given, else one of the default VPC with the type, in the zone of the data volume if any.

    Produces: subnet.
    """

    title = "find the subnet"

    def run(self, state: LaunchState) -> None:
        """Raises UserError when no subnet serves."""
        there = volume.own_volume(state.clients, state.hub)
        zone = there["AvailabilityZone"] if there else None
        wanted = state.options.subnet_id
        found = _given(state, wanted, zone) if wanted else _chosen(state, zone)
        state.subnet = SubnetChoice(found["VpcId"], found["SubnetId"], found["AvailabilityZone"])
        state.report.note(f"subnet {state.subnet.subnet_id} in {state.subnet.zone}")


def _given(state: LaunchState, subnet_id: str, zone: str | None) -> SubnetTypeDef:
    try:
        found = state.clients.ec2.describe_subnets(SubnetIds=[subnet_id])["Subnets"][0]
    except ClientError as exc:
        raise UserError(f"--subnet {subnet_id}: {exc.response['Error'].get('Message')}") from exc
    if zone and found["AvailabilityZone"] != zone:
        raise UserError(
            f"--subnet {subnet_id} is in {found['AvailabilityZone']}, but the data volume of "
            f"{state.hub.domain} is in {zone}",
            hint=(
                f"choose a subnet in {zone}; to move, make a volume from a snapshot of the old one there "
                "and give it its tags"
            ),
        )
    if found["AvailabilityZone"] not in _offering(state):
        raise UserError(
            f"{state.options.instance_type} is not offered in {found['AvailabilityZone']}, where "
            f"{subnet_id} is"
        )
    return found


def _chosen(state: LaunchState, zone: str | None) -> SubnetTypeDef:
    running = instances.of_hub(state.clients, state.hub)
    if running:
        return state.clients.ec2.describe_subnets(SubnetIds=[running[-1].subnet_id])["Subnets"][0]
    defaults = state.clients.ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])[
        "Subnets"
    ]
    if not defaults:
        raise UserError(
            f"{state.clients.cloud.region} has no default subnet",
            hint="set launch.subnet_id, or use --subnet",
            where=str(state.manifest.path),
        )
    offering = _offering(state)
    fitting = [
        subnet
        for subnet in defaults
        if subnet["AvailabilityZone"] in offering and zone in (None, subnet["AvailabilityZone"])
    ]
    if not fitting:
        where = f"in {zone}, where the data volume is" if zone else f"in {state.clients.cloud.region}"
        raise UserError(
            f"{state.options.instance_type} is not offered in any default subnet {where}",
            hint="choose another --instance-type or --subnet",
        )
    return min(fitting, key=lambda subnet: subnet["AvailabilityZone"])


def _offering(state: LaunchState) -> set[str]:
    """The zones that offer the instance type."""
    offers = state.clients.ec2.describe_instance_type_offerings(
        LocationType="availability-zone",
        Filters=[{"Name": "instance-type", "Values": [state.options.instance_type]}],
    )["InstanceTypeOfferings"]
    return {offer["Location"] for offer in offers}
