"""Public and Elastic addresses: loopback addresses of the host; forwards.py lets them reach the guest."""

from __future__ import annotations

from collections.abc import Mapping

from moto.ec2.models.elastic_ip_addresses import ElasticAddress
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.utils import random_eip_association_id

from build.errors import MachineError
from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.errors import Ec2Error, bad_value
from localcloud.ec2.models import LocalInstance

_ALIVE = ("pending", "running")


def take(backend: LocalBackend) -> str:
    """An address of the pool; raises EC2's error when none is left."""
    try:
        return backend.host.addresses.allocate()
    except MachineError as problem:
        raise Ec2Error("AddressLimitExceeded", str(problem)) from problem


def elastic_of(backend: LocalBackend, instance: LocalInstance) -> ElasticAddress | None:
    """The Elastic IP associated with an instance."""
    return next((found for found in backend.addresses if found.instance is instance), None)


def give_public_address(backend: LocalBackend, instance: LocalInstance) -> None:
    """A public address for an instance that wants one and has none."""
    interface = instance.nics[0]
    if instance.public_address_wanted and interface.public_ip is None:
        interface.public_ip = take(backend)


def take_public_address(backend: LocalBackend, instance: LocalInstance) -> None:
    """Give the automatic address back, as EC2 does when an instance stops; an Elastic IP stays."""
    interface = instance.nics.get(0)
    if interface is None or interface.public_ip is None or elastic_of(backend, instance):
        return
    backend.host.addresses.release(interface.public_ip)
    interface.public_ip = None


def limit(backend: LocalBackend) -> int:
    """How many Elastic IPs a region may have: as many as there are addresses, or the cloud's own limit."""
    return (
        backend.host.addresses.SIZE
        if backend.host.elastic_ip_limit is None
        else backend.host.elastic_ip_limit
    )


def allocate(backend: LocalBackend, tags: Mapping[str, str]) -> ElasticAddress:
    """AllocateAddress."""
    if len(backend.addresses) >= limit(backend):
        raise Ec2Error("AddressLimitExceeded", "The maximum number of addresses has been reached.")
    address = ElasticAddress(backend, domain="vpc", address=take(backend), tags=dict(tags))  # type: ignore[abstract]  # not at run time
    backend.addresses.append(address)
    return address


def find(
    backend: LocalBackend, *, allocation_id: str | None = None, public_ip: str | None = None
) -> ElasticAddress:
    """An Elastic IP by either name."""
    for address in backend.addresses:
        if address.allocation_id == allocation_id or address.public_ip == public_ip:
            return address
    if allocation_id:
        raise Ec2Error("InvalidAllocationID.NotFound", f"The allocation ID '{allocation_id}' does not exist")
    raise Ec2Error("InvalidAddress.NotFound", f"Address '{public_ip}' not found.")


def interface_of(instance: LocalInstance) -> NetworkInterface:
    """The primary interface; raises EC2's error once the instance is terminated."""
    if 0 not in instance.nics:
        raise Ec2Error(
            "InvalidInstanceID", f"The instance '{instance.id}' is not in a valid state for this operation."
        )
    found: NetworkInterface = instance.nics[0]
    return found


def associate(
    backend: LocalBackend, address: ElasticAddress, interface: NetworkInterface, *, reassociate: bool
) -> ElasticAddress:
    """AssociateAddress: the address moves, its forwards with it.

    The instance's automatic address goes back to the pool.
    """
    instance = interface.instance
    if isinstance(instance, LocalInstance) and instance.state not in (*_ALIVE, "stopped", "stopping"):
        raise Ec2Error(
            "IncorrectInstanceState",
            f"The instance '{instance.id}' is not in a valid state for this operation.",
        )
    if address.eni is interface:
        return address
    if address.eni is not None:
        if not reassociate:
            message = (
                f"resource {address.allocation_id} is already associated with associate-id "
                f"{address.association_id}"
            )
            raise Ec2Error("Resource.AlreadyAssociated", message)
        disassociate(backend, address)
    if isinstance(instance, LocalInstance):
        if earlier := elastic_of(backend, instance):
            disassociate(backend, earlier)
        take_public_address(backend, instance)
    address.instance, address.eni = instance, interface  # type: ignore[assignment]  # moto annotates these two as None
    address.association_id = random_eip_association_id()
    interface.public_ip = address.public_ip
    _follow(backend, instance)
    return address


def disassociate(backend: LocalBackend, address: ElasticAddress) -> None:
    """DisassociateAddress; a running instance that had an automatic address gets a new one, as on EC2."""
    instance, interface = address.instance, address.eni
    address.instance = address.eni = address.association_id = None
    if interface is not None:
        interface.public_ip = None
    if isinstance(instance, LocalInstance) and instance.state in _ALIVE:
        give_public_address(backend, instance)
    _follow(backend, instance)


def release(backend: LocalBackend, address: ElasticAddress) -> None:
    """ReleaseAddress."""
    if address.eni is not None:
        raise Ec2Error("InvalidIPAddress.InUse", f"Address {address.public_ip} is in use.")
    backend.addresses.remove(address)
    backend.host.addresses.release(address.public_ip)
    backend.tags.pop(address.allocation_id or "", None)


def by_association(backend: LocalBackend, association_id: str) -> ElasticAddress:
    """The Elastic IP of an association."""
    if not association_id.startswith("eipassoc-"):
        raise bad_value(f"Invalid value '{association_id}' for associationId.")
    for address in backend.addresses:
        if address.association_id == association_id:
            return address
    raise Ec2Error("InvalidAssociationID.NotFound", f"The association ID '{association_id}' does not exist")


def _follow(backend: LocalBackend, instance: object) -> None:
    if isinstance(instance, LocalInstance):
        backend.wake_doors(instance.id)
