"""The data volume goes to the instance; when one takes over from another, so that the old one can come back.

    new one launched (it waits for the volume) → old one stopped → snapshot → volume moves → new one answers
    with the certificate, on an address of its own → Elastic IP moves (address.py) → old one terminated

Whatever fails before the last arrow: the new one is terminated, the old one gets volume and address back and
is started.
"""

from __future__ import annotations

from build.aws import eventual, tags
from build.aws.instances import wait_for_state
from build.hubs import instances
from build.launch import volume, wait_for_https
from build.launch.instance import ensure_running
from build.launch.state import LaunchState
from build.pipeline import Step

BEFORE = "before-replacement"


class AttachDataVolume(Step[LaunchState]):
    """Attach the data volume, taking it from an old instance if that has it; then see that the new one works.

    Needs: volume_id, instance_id, old_id.
    """

    title = "attach the data volume"
    makes_product = True  # its cleanup is the way back, for a launch that failed

    def run(self, state: LaunchState) -> None:
        """Raises CloudError, or HubsmithError when the new instance does not answer as it should."""
        if state.old_id:
            stop(state, state.old_id)
            if volume.holder_of(state) == state.old_id:
                volume.snapshot(state, "before the replacement", BEFORE)
                volume.detach(state)
        volume.attach(state, state.instance_id)
        if state.old_id and state.options.wait:
            wait_for_https.wait(state, instances.by_id(state.clients, state.instance_id).public_ip)

    def cleanup(self, state: LaunchState) -> None:
        """Bring the old instance back, if there is one and the new one has not taken over yet."""
        if state.old_id is None or state.committed:
            return
        ec2, timeouts = state.clients.ec2, state.manifest.builder.timeouts
        # "Not found" does not say that it is gone (EC2 developer guide, "Eventual consistency").
        eventual.retried(
            lambda: ec2.terminate_instances(InstanceIds=[state.instance_id]),
            what=state.instance_id,
            on_wait=state.report.waiting,
        )
        wait_for_state(
            ec2, state.instance_id, "terminated", timeout_s=timeouts.stop_s, on_wait=state.report.waiting
        )
        wait_for_state(ec2, state.old_id, "stopped", timeout_s=timeouts.stop_s, on_wait=state.report.waiting)
        volume.attach(state, state.old_id)
        ensure_running(state, state.old_id)
        ec2.associate_address(
            AllocationId=state.address.allocation_id, InstanceId=state.old_id, AllowReassociation=True
        )
        state.report.note(f"{state.old_id} is the hub's instance again; {state.instance_id} is terminated")


class TerminateOldInstance(Step[LaunchState]):
    """Terminate the instance that was replaced.

    Needs: old_id.
    """

    title = "terminate the old instance, if there is one"

    def run(self, state: LaunchState) -> None:
        """From here on there is no way back."""
        state.committed = True
        if state.old_id is None:
            return
        ec2 = state.clients.ec2
        ec2.terminate_instances(InstanceIds=[state.old_id])
        wait_for_state(
            ec2,
            state.old_id,
            "terminated",
            timeout_s=state.manifest.builder.timeouts.stop_s,
            on_wait=state.report.waiting,
        )
        ec2.delete_tags(Resources=[state.instance_id], Tags=[{"Key": tags.REPLACES}])
        state.record_change(f"terminated {state.old_id}")
        remove_earlier_snapshots(state)


def stop(state: LaunchState, instance_id: str) -> None:
    """Shut an instance of the hub down, and wait until it is stopped. Raises CloudError."""
    state.report.waiting(f"{instance_id} shuts down")
    ec2, timeouts = state.clients.ec2, state.manifest.builder.timeouts
    if instances.by_id(state.clients, instance_id).state in ("pending", "running"):
        ec2.stop_instances(InstanceIds=[instance_id])
        state.record_change(f"stopped {instance_id}")
    wait_for_state(ec2, instance_id, "stopped", timeout_s=timeouts.stop_s, on_wait=state.report.waiting)


def remove_earlier_snapshots(state: LaunchState) -> None:
    """Those of replacements before go when a later one is completed: one that is pending may still fail.

    The rest stays for the next replacement.
    """
    ec2 = state.clients.ec2
    filters = [*tags.having(tags.HUB, state.hub.domain), *tags.having(tags.ROLE, BEFORE)]
    snapshots = ec2.describe_snapshots(OwnerIds=["self"], Filters=filters)["Snapshots"]
    completed = (snapshot["StartTime"] for snapshot in snapshots if snapshot["State"] == "completed")
    newest = max(completed, default=None)
    for snapshot in snapshots:
        if newest is not None and snapshot["StartTime"] < newest:
            ec2.delete_snapshot(SnapshotId=snapshot["SnapshotId"])
