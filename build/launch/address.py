"""The hub's Elastic IP: it stays when instances come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from build.aws import tags
from build.aws.errors import code_of
from build.errors import CloudError, UserError
from build.hubs import instances
from build.hubs.models import Address
from build.launch.state import Billed, LaunchState
from build.pipeline import Step

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import AddressTypeDef

    from build.aws.session import Clients
    from build.hubs.hub import Hub

_DOLLARS_A_MONTH = 3.65  # docs/explanation/costs.md
GIVEN = "hubsmith:given"
"""On an address that the manifest named: destroy lets go of it and does not release it."""


class EnsureAddress(Step[LaunchState]):
    """The address with the hub's tag, else the one that the manifest names, else a new one.

    Produces: address.
    """

    title = "find or allocate the address"

    def run(self, state: LaunchState) -> None:
        """Raises UserError for an address of another hub, CloudError when the account may have no more."""
        state.address = own_address(state.clients, state.hub) or self._given(state) or self._allocated(state)
        state.report.note(f"address {state.address.ip}")

    def _given(self, state: LaunchState) -> Address | None:
        allocation_id = state.options.defaults.allocation_id
        if not allocation_id:
            return None
        try:
            found = state.clients.ec2.describe_addresses(AllocationIds=[allocation_id])["Addresses"][0]
        except ClientError as exc:
            raise UserError(
                f"launch.allocation_id: {exc.response['Error'].get('Message')}",
                where=str(state.manifest.path),
            ) from exc
        require_ours(state, found)
        state.clients.ec2.create_tags(
            Resources=[allocation_id], Tags=tags.as_list({**state.hub.tags, GIVEN: "true"})
        )
        return Address(allocation_id, found["PublicIp"])

    def _allocated(self, state: LaunchState) -> Address:
        try:
            made = state.clients.ec2.allocate_address(
                Domain="vpc", TagSpecifications=tags.specifications(state.hub.tags, "elastic-ip")
            )
        except ClientError as exc:
            if code_of(exc) != "AddressLimitExceeded":
                raise
            raise CloudError(
                "the account's quota of Elastic IPs is used up",
                hint=(
                    "release one, ask for a higher quota ('EC2-VPC Elastic IPs'), or name one in "
                    "launch.allocation_id"
                ),
            ) from exc
        state.record_change(f"allocated the address {made['PublicIp']}")
        state.billed[made["AllocationId"]] = Billed(f"the address {made['PublicIp']}", _DOLLARS_A_MONTH)
        return Address(made["AllocationId"], made["PublicIp"])


class MoveAddress(Step[LaunchState]):
    """Let the address lead to the instance, in one call, wherever it led before.

    Needs: address, instance_id.
    """

    title = "lead the address to the instance"

    def run(self, state: LaunchState) -> None:
        """Raises UserError when it leads to an instance that is not this hub's."""
        found = state.clients.ec2.describe_addresses(AllocationIds=[state.address.allocation_id])[
            "Addresses"
        ][0]
        if found.get("InstanceId") == state.instance_id:
            return
        require_ours(state, found)
        state.clients.ec2.associate_address(
            AllocationId=state.address.allocation_id, InstanceId=state.instance_id, AllowReassociation=True
        )
        state.record_change(f"{state.address.ip} leads to {state.instance_id}")


def own_address(clients: Clients, hub: Hub) -> Address | None:
    """The address that carries the hub's tag."""
    found = clients.ec2.describe_addresses(Filters=tags.having(tags.HUB, hub.domain))["Addresses"]
    ours = sorted((address["AllocationId"], address["PublicIp"]) for address in found)
    return Address(*ours[0]) if ours else None


def require_ours(state: LaunchState, address: AddressTypeDef) -> None:
    """Raise UserError when the address leads to something that is not an instance of this hub."""
    holder = address.get("InstanceId") or address.get("NetworkInterfaceId")
    ours = {instance.id for instance in instances.of_hub(state.clients, state.hub)}
    mark = tags.as_dict(address.get("Tags")).get(tags.HUB, state.hub.domain)
    # An address whose instance was terminated a moment ago is still associated with it for a while.
    if mark != state.hub.domain or (holder and holder not in ours and not _is_ending(state, address)):
        raise UserError(
            f"the address {address.get('PublicIp')} belongs to {holder or mark}, which is not "
            f"{state.hub.domain}"
        )


def _is_ending(state: LaunchState, address: AddressTypeDef) -> bool:
    instance_id = address.get("InstanceId")
    if not instance_id:
        return False
    found = state.clients.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
    marks = tags.as_dict(found[0]["Instances"][0].get("Tags")) if found else {}
    return (
        marks.get(tags.HUB, state.hub.domain) == state.hub.domain
        and bool(found)
        and (found[0]["Instances"][0]["State"]["Name"] in ("shutting-down", "terminated"))
    )
