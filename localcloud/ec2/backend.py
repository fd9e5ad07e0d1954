"""The joint to moto's EC2 state: one subclass, with a host beneath it.

What moto would change without a machine knowing of it (fleets, spot requests, CloudFormation) is refused
here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from types import ModuleType
from typing import ClassVar, NoReturn

from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.elastic_ip_addresses import ElasticAddress
from moto.ec2.models.instances import Instance
from moto.ec2.models.security_groups import SecurityGroup

from localcloud.ec2 import errors
from localcloud.ec2.host import Host
from localcloud.ec2.models import LocalAmi, LocalInstance, LocalSnapshot, LocalVolume


@dataclass(frozen=True)
class Answer:
    """What a request with a client token was, and what it was answered."""

    digest: str
    since: datetime
    body: str


class LocalBackend(EC2Backend):
    """EC2 of one account in one region.

    Everything but `host` and `url_module` is plain state and is kept by pickling it.
    """

    host: ClassVar[Host]
    url_module: ClassVar[ModuleType]
    """Handed in by install.py: the responses behind these addresses import the rules, which import this
    module.
    """

    volumes: dict[str, LocalVolume]  # type: ignore[assignment]  # narrower than moto's: we alone make them
    snapshots: dict[str, LocalSnapshot]  # type: ignore[assignment]  # as above
    amis: dict[str, LocalAmi]  # type: ignore[assignment]  # as above

    # Of a class, so that a state that was kept before they were there has them.
    image_block_public_access = "unblocked"
    snapshot_block_public_access = "unblocked"
    ebs_default_kms_key_id = ""
    """A key of the account's own, as it was given; empty: AWS's."""

    @property
    def answers(self) -> dict[tuple[str, str, str], Answer]:
        """(action, client token, zone if the request named one) -> what was answered: see
        rules/client_tokens.py.
        """
        # Not of __init__, so that a state that was kept before has them.
        found: dict[tuple[str, str, str], Answer] = self.__dict__.setdefault("_answers", {})
        return found

    @property
    def _url_module(self) -> ModuleType:
        # moto derives it from the module's name, which works for moto.<service>.models only.
        return self.url_module

    def reset(self) -> None:
        """moto would forget the machines that run; `server.reset` stops them first."""
        raise RuntimeError("use localcloud.server.control.reset")

    def siblings(self) -> list[LocalBackend]:
        """EC2 of every account and region of this cloud; they share one host."""
        return [found for _, _, found in ec2_backends.iter_backends() if isinstance(found, LocalBackend)]

    def sibling(self, region: str) -> LocalBackend:
        """EC2 of the same account in another region."""
        found: LocalBackend = ec2_backends[self.account_id][region]  # type: ignore[assignment]  # ours only
        return found

    def enqueue_instance(self, instance_id: str) -> None:
        """Have an instance looked at soon: its state, volumes, snapshots or forwards are not as wanted."""
        self.host.enqueue("instance", self, instance_id)
        self.enqueue_forwards(instance_id)

    def enqueue_forwards(self, instance_id: str) -> None:
        """Have the forwards of an instance looked at soon."""
        self.host.enqueue("forwards", self, instance_id)

    def enqueue_all(self) -> None:
        """Have every instance looked at."""
        for instance in self.local_instances():
            self.enqueue_instance(instance.id)

    def enqueue_volume(self, volume_id: str) -> None:
        """Have the pending snapshots of a volume taken soon, by its instance if it has one."""
        attachment = self.volumes[volume_id].attachment if volume_id in self.volumes else None
        if attachment is not None:
            self.enqueue_instance(attachment.instance.id)
        else:
            self.host.enqueue("volume", self, volume_id)

    def enqueue_layer_gc(self) -> None:
        """Have unreferenced layers deleted soon."""
        self.host.enqueue("layers", self, "")

    def local_instances(self) -> Iterator[LocalInstance]:
        """Every instance still listed."""
        for reservation in list(self.reservations.values()):
            yield from list(reservation.instances)  # type: ignore[misc]  # rules/run_instances.py makes no others

    def find_instance(self, instance_id: str) -> LocalInstance | None:
        """The instance, or None once it is forgotten."""
        return next((found for found in self.local_instances() if found.id == instance_id), None)

    def instance(self, instance_id: str) -> LocalInstance:
        """The instance; raises EC2's error for a malformed or unknown id."""
        if not instance_id.startswith("i-"):
            raise errors.Ec2Error("InvalidInstanceID.Malformed", f'Invalid id: "{instance_id}"')
        found = self.find_instance(instance_id)
        if found is None:
            raise errors.instance_not_found(instance_id)
        return found

    def is_hidden(self, resource_id: str) -> bool:
        """Is it so new that the call which is answered does not know it? EC2 is eventually consistent.

        Calls that name it are refused before they come here (Faults.unknown): this is for lists.
        """
        return self.host.faults.is_hidden(resource_id)

    def resource_ids(self) -> set[str]:
        """Every instance, volume, snapshot, image, security group and Elastic IP there is."""
        groups = {group_id for in_vpc in self.groups.values() for group_id in in_vpc}
        return (
            {found.id for found in self.local_instances()}
            | {*self.volumes, *self.snapshots, *self.amis}
            | groups
            | {str(address.allocation_id) for address in self.addresses}
        )

    def volume(self, volume_id: str) -> LocalVolume:
        """The volume; raises InvalidVolume.NotFound."""
        if volume_id not in self.volumes:
            raise errors.volume_not_found(volume_id)
        return self.volumes[volume_id]

    def snapshot(self, snapshot_id: str) -> LocalSnapshot:
        """The snapshot; raises InvalidSnapshot.NotFound."""
        if snapshot_id not in self.snapshots:
            raise errors.snapshot_not_found(snapshot_id)
        return self.snapshots[snapshot_id]

    def describe_security_groups(
        self,
        group_ids: list[str] | None = None,
        groupnames: list[str] | None = None,
        filters: dict[str, list[str]] | None = None,
    ) -> list[SecurityGroup]:
        """moto's, without those that are too new to be seen."""
        found = super().describe_security_groups(group_ids, groupnames, filters)
        return [group for group in found if not self.is_hidden(group.id)]

    def describe_instance_status(
        self, instance_ids: list[str], include_all_instances: bool, filters: object
    ) -> list[Instance]:
        """moto's, without those that are too new to be seen."""
        for instance_id in instance_ids:
            self.instance(instance_id)
        found = super().describe_instance_status(instance_ids, include_all_instances, filters)
        return [instance for instance in found if not self.is_hidden(instance.id)]

    def describe_addresses(
        self,
        allocation_ids: list[str] | None = None,
        public_ips: list[str] | None = None,
        filters: object = None,
    ) -> list[ElasticAddress]:
        """moto's, without those that are too new to be seen."""
        found = super().describe_addresses(allocation_ids, public_ips, filters)
        return [address for address in found if not self.is_hidden(str(address.allocation_id))]

    def describe_tags(self, filters: dict[str, list[str]] | None = None) -> list[dict[str, str]]:
        """moto's, without those of what is too new to be seen."""
        return [tag for tag in super().describe_tags(filters) if not self.is_hidden(tag["resource_id"])]

    def do_resources_exist(self, resource_ids: list[str]) -> bool:
        """CreateTags asks; moto lets an unknown instance pass."""
        for resource_id in resource_ids:
            if resource_id.startswith("i-"):
                self.instance(resource_id)
        return super().do_resources_exist(resource_ids)

    def run_instances(self, *_: object, **__: object) -> NoReturn:
        """Only RunInstances itself launches (see rules/run_instances.py)."""
        raise errors.unsupported("launching instances through fleets, spot requests or stacks")
