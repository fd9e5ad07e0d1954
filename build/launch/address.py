"""The hub's Elastic IP: it stays when instances come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from build.aws import eventual, tags
from build.aws.errors import code_of
from build.errors import CloudError, UserError
from build.hubs import instances
from build.hubs.address import GIVEN, own_address, tagged_addresses
from build.hubs.models import Address
from build.launch.state import Billed, LaunchState
from build.pipeline import Step

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import AddressTypeDef


_DOLLARS_A_MONTH = 3.65  # docs/explanation/costs.md


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
            address = state.clients.ec2.describe_addresses(AllocationIds=[allocation_id])["Addresses"][0]
        except ClientError as exc:
            raise UserError(
                f"launch.allocation_id: {exc.response['Error'].get('Message')}",
                where=str(state.manifest.path),
            ) from exc
        require_ours(state, address)
        state.clients.ec2.create_tags(
            Resources=[allocation_id], Tags=tags.as_list({**state.hub.tags, GIVEN: "true"})
        )
        return Address(allocation_id, address["PublicIp"])

    def _allocated(self, state: LaunchState) -> Address:
        try:
            with eventual.creating():
                address = state.clients.ec2.allocate_address(
                    Domain="vpc", TagSpecifications=tags.specifications(state.tags, "elastic-ip")
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
        ip, allocation_id = address["PublicIp"], address["AllocationId"]
        state.record_change(f"allocated the address {ip}")
        state.billed[allocation_id] = Billed(f"the address {ip}", _DOLLARS_A_MONTH)
        if address.get("ResponseMetadata", {}).get("RetryAttempts"):
            eventual.settle(state.report.waiting)  # an answer was lost, and its address may not be listed yet
        _release_others(state, allocation_id)
        return Address(allocation_id, ip)


class MoveAddress(Step[LaunchState]):
    """Let the address lead to the instance, in one call, wherever it led before.

    Needs: address, instance_id.
    """

    title = "associate the address with the instance"

    def run(self, state: LaunchState) -> None:
        """Raises UserError when it leads to an instance that is not this hub's."""
        ec2, allocation_id = state.clients.ec2, state.address.allocation_id
        address = eventual.listed(
            lambda: ec2.describe_addresses(AllocationIds=[allocation_id])["Addresses"],
            what=state.address.ip,
            on_wait=state.report.waiting,
        )
        if address.get("InstanceId") == state.instance_id:
            return
        require_ours(state, address)
        eventual.retried(
            lambda: ec2.associate_address(
                AllocationId=allocation_id, InstanceId=state.instance_id, AllowReassociation=True
            ),
            what=f"{state.address.ip} at {state.instance_id}",
            on_wait=state.report.waiting,
        )
        state.record_change(f"{state.address.ip} is associated with {state.instance_id}")


def _release_others(state: LaunchState, allocation_id: str) -> None:
    """Release what calls of this step have allocated whose answers were lost.

    AllocateAddress has no client token: botocore's next try allocates a second address. There was none with
    the hub's tag before.
    """
    for found in tagged_addresses(state.clients, state.hub):
        if found["AllocationId"] != allocation_id and "AssociationId" not in found:
            state.clients.ec2.release_address(AllocationId=found["AllocationId"])
            state.report.note(f"released {found['PublicIp']}, allocated by a call whose answer was lost")


def require_ours(state: LaunchState, address: AddressTypeDef) -> None:
    """Raise UserError when the address leads to something that is not an instance of this hub."""
    holder = address.get("InstanceId") or address.get("NetworkInterfaceId")
    ours = {instance.id for instance in instances.of_hub(state.clients, state.hub)}
    tagged_for = tags.as_dict(address.get("Tags")).get(tags.HUB, state.hub.domain)
    # An address whose instance was terminated a moment ago is still associated with it for a while.
    if tagged_for != state.hub.domain or (holder and holder not in ours and not _is_ending(state, address)):
        raise UserError(
            f"the address {address.get('PublicIp')} belongs to {holder or tagged_for}, which is not "
            f"{state.hub.domain}"
        )


def _is_ending(state: LaunchState, address: AddressTypeDef) -> bool:
    instance_id = address.get("InstanceId")
    if not instance_id:
        return False
    found = state.clients.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
    instance_tags = tags.as_dict(found[0]["Instances"][0].get("Tags")) if found else {}
    return (
        instance_tags.get(tags.HUB, state.hub.domain) == state.hub.domain
        and bool(found)
        and (found[0]["Instances"][0]["State"]["Name"] in ("shutting-down", "terminated"))
    )
