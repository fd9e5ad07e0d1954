"""The end of a hub: everything that carries its tag, but for the data volume unless that is asked for too.

The order is that of what holds what. What is gone already is no error, so that a destroy that was stopped can
be repeated.
"""

from __future__ import annotations

from build.aws import security_groups, tags
from build.aws.instances import wait_for_state
from build.aws.session import Clients
from build.hubs import instances, lock, operator_key
from build.hubs.address import GIVEN, own_address
from build.hubs.dns import zones_of
from build.hubs.hub import Hub
from build.hubs.retired import retired_instances
from build.hubs.security_group import own_group
from build.hubs.volume import own_volume
from build.launch import dns, password, role, volume
from build.launch.options import CliOptions, resolve_options
from build.launch.state import LaunchState
from build.manifest import Manifest
from build.pipeline import Runner, Step
from build.report.reporter import Reporter


class TerminateInstances(Step[LaunchState]):
    """Terminate the hub's instances, those of before upgrades too; shut down first what has the data."""

    title = "terminate the instance"

    def run(self, state: LaunchState) -> None:
        """Raises CloudError."""
        ec2, timeouts = state.clients.ec2, state.manifest.builder.timeouts
        for instance in instances.of_hub(state.clients, state.hub):
            # a shutdown writes what is in memory; a termination may not wait for it
            if instance.state == "running":
                ec2.stop_instances(InstanceIds=[instance.id])
                wait_for_state(
                    ec2, instance.id, "stopped", timeout_s=timeouts.stop_s, on_wait=state.report.waiting
                )
            ec2.terminate_instances(InstanceIds=[instance.id])
            wait_for_state(
                ec2, instance.id, "terminated", timeout_s=timeouts.stop_s, on_wait=state.report.waiting
            )
            state.record_change(f"terminated {instance.id}")
        for retired in retired_instances(state.clients, state.hub):
            ec2.terminate_instances(InstanceIds=[retired["InstanceId"]])
            wait_for_state(
                ec2,
                retired["InstanceId"],
                "terminated",
                timeout_s=timeouts.stop_s,
                on_wait=state.report.waiting,
            )
            state.record_change(f"terminated {retired['InstanceId']}, which was the hub before an upgrade")


class RemoveDnsRecords(Step[LaunchState]):
    """Remove the records of the hub and of its users, as far as they point to the hub's own address."""

    title = "remove the records"

    def run(self, state: LaunchState) -> None:
        """A record that points elsewhere is somebody else's."""
        own = own_address(state.clients, state.hub)
        if own is None:
            return
        for zone in zones_of(state.clients, state.hub.domain):
            dns.remove_records(state, zone, own.ip)


class ReleaseAddress(Step[LaunchState]):
    """Release the Elastic IP; one that the manifest named is only let go of."""

    title = "release the address"

    def run(self, state: LaunchState) -> None:
        """Raises what EC2 raises."""
        ec2 = state.clients.ec2
        for address in ec2.describe_addresses(Filters=tags.having(tags.HUB, state.hub.domain))["Addresses"]:
            if association := address.get("AssociationId"):
                ec2.disassociate_address(AssociationId=association)
            if tags.as_dict(address.get("Tags")).get(GIVEN):
                keys = [tags.HUB, tags.SUBDOMAINS, GIVEN, "Name"]
                ec2.delete_tags(Resources=[address["AllocationId"]], Tags=[{"Key": key} for key in keys])
                state.record_change(f"disassociated {address['PublicIp']}, which is not released")
            else:
                ec2.release_address(AllocationId=address["AllocationId"])
                state.record_change(f"released {address['PublicIp']}")


class RemoveRole(Step[LaunchState]):
    """Remove the instance profile and the role."""

    title = "remove the role"

    def run(self, state: LaunchState) -> None:
        """Raises what IAM raises."""
        if role.remove(state.clients, state.hub):
            state.record_change(f"removed the role {state.hub.name}")


class RemoveSecurityGroup(Step[LaunchState]):
    """Remove the security group."""

    title = "remove the security group"

    def run(self, state: LaunchState) -> None:
        """Raises CloudError when something else uses it."""
        if group := own_group(state.clients, state.hub):
            security_groups.delete_when_free(state.clients.ec2, group["GroupId"], state.report.waiting)
            state.record_change(f"removed the security group {group['GroupId']}")


class RemoveParameters(Step[LaunchState]):
    """Remove the hub's parameters: the password, the host keys, the status."""

    title = "remove the parameters"

    def run(self, state: LaunchState) -> None:
        """The lock is this command's own; it goes last."""
        ssm = state.clients.ssm
        pages = ssm.get_paginator("get_parameters_by_path").paginate(Path=state.hub.prefix, Recursive=True)
        self._let_another_password_be_made(state)
        names = [
            parameter["Name"]
            for page in pages
            for parameter in page["Parameters"]
            if parameter["Name"] != lock.name_of(state.hub)
        ]
        for name in names:
            ssm.delete_parameter(Name=name)
        if names:
            state.record_change(f"removed {len(names)} parameters below {state.hub.prefix}")

    def _let_another_password_be_made(self, state: LaunchState) -> None:
        """Nobody has used the first password yet: a hub that is launched with these data gets another."""
        own = own_volume(state.clients, state.hub)
        if own and password.is_unused(state.clients, state.hub):
            state.clients.ec2.delete_tags(Resources=[own["VolumeId"]], Tags=[{"Key": tags.FIRST_PASSWORD}])


class RemoveOrKeepDataVolume(Step[LaunchState]):
    """Keep the data volume, with a snapshot of it; or delete it with all its snapshots."""

    title = "the data volume"

    def __init__(self, *, with_data: bool) -> None:
        self._with_data = with_data

    def run(self, state: LaunchState) -> None:
        """Raises CloudError when the volume is not free."""
        own = own_volume(state.clients, state.hub)
        if own:
            state.volume_id = own["VolumeId"]
            volume.wait_for(state, state.volume_id, "available")
        if self._with_data:
            self._delete(state, own is not None)
        elif own:
            snapshot_id = volume.snapshot(state, "when its hub was destroyed")
            state.report.note(
                f"kept {state.volume_id} and {snapshot_id}: the next launch of {state.hub.domain} finds "
                f"the volume. {_cost_in_words(own['Size'])}"
            )

    def _delete(self, state: LaunchState, exists: bool) -> None:
        ec2 = state.clients.ec2
        if exists:
            ec2.delete_volume(VolumeId=state.volume_id)
            state.record_change(f"deleted {state.volume_id}")
        ours = tags.having(tags.HUB, state.hub.domain)
        for snapshot in ec2.describe_snapshots(OwnerIds=["self"], Filters=ours)["Snapshots"]:
            ec2.delete_snapshot(SnapshotId=snapshot["SnapshotId"])
            state.record_change(f"deleted {snapshot['SnapshotId']}")


def _cost_in_words(size_gib: int) -> str:
    """A data volume that is kept, with a snapshot. Prices of us-east-1: docs/explanation/costs.md."""
    return (
        f"On AWS the volume costs about {0.08 * size_gib:.2f} dollars a month and each snapshot of it up to "
        f"{0.05 * size_gib:.2f}; --with-data deletes the volume and all of them"
    )


def steps(*, with_data: bool) -> list[Step[LaunchState]]:
    """What a destroy does."""
    return [
        TerminateInstances(),
        RemoveDnsRecords(),
        ReleaseAddress(),
        RemoveRole(),
        RemoveSecurityGroup(),
        RemoveOrKeepDataVolume(with_data=with_data),
        RemoveParameters(),
    ]


def destroy(
    manifest: Manifest, clients: Clients, report: Reporter, hub: Hub, *, with_data: bool
) -> LaunchState:
    """Remove the hub; return what was done. Raises HubsmithError or what botocore raised; repeat it then."""
    state = LaunchState(
        hub, resolve_options(manifest, CliOptions(email="nobody@example.org")), manifest, clients, report
    )
    with lock.held(hub, clients, "destroy"):
        Runner[LaunchState](report).run(steps(with_data=with_data), state)
    operator_key.forget(hub)
    return state
