"""The data volume: everything of a hub that has to last. Instances come and go, it stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from build.aws import encryption, eventual, snapshots, tags, volumes
from build.errors import CloudError, UserError
from build.hubs.volume import DATA, own_volume
from build.launch.state import Billed, LaunchState
from build.pipeline import Step

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import CreateVolumeRequestTypeDef

DEVICE = "/dev/sdf"
_WAIT_S = 600
_DOLLARS_A_GIB_AND_MONTH = {"gp3": 0.08, "gp2": 0.10}  # docs/explanation/costs.md
_HINT = "look at the volume in the EC2 console; run the same command again to go on from here"


class EnsureVolume(Step[LaunchState]):
    """The volume with the hub's tag, grown if a larger one is wanted; else a new one, encrypted.

    Needs: subnet. Produces: volume_id.
    """

    title = "find or make the data volume"

    def run(self, state: LaunchState) -> None:
        """Raises UserError when a smaller volume is wanted than there is."""
        volume = own_volume(state.clients, state.hub)
        if volume is None:
            _create(state, {})
            return
        state.volume_id = volume["VolumeId"]
        state.report.note(f"data volume {state.volume_id}, {volume['Size']} GiB")
        wanted = state.options.data_size_gib or volume["Size"]
        if wanted < volume["Size"]:
            raise UserError(
                f"--data-size {wanted}: {state.volume_id} has {volume['Size']} GiB, and a volume cannot "
                "shrink"
            )
        if wanted > volume["Size"]:
            state.clients.ec2.modify_volume(VolumeId=state.volume_id, Size=wanted)
            state.record_change(
                f"{state.volume_id} grows from {volume['Size']} to {wanted} GiB; the hub uses it from its "
                "next boot on"
            )


def find_key(state: LaunchState) -> None:
    """The key for a volume that is to be made. Raises UserError when there is no such key."""
    if key := state.options.defaults.data_volume.kms_key_id:
        state.kms_key_arn = encryption.key_arn(state.clients, "launch.data_volume.kms_key_id", key)


def move_to_subnets_zone(state: LaunchState) -> None:
    """Put the volume that this launch has made into the zone of ``state.subnet``: as it is blank, another.

    The one before goes first: a hub with two data volumes would not know which is its own.
    """
    volume = volumes.listed(state.clients.ec2, state.volume_id)
    had = tags.as_dict(volume.get("Tags"))
    remove_new(state)
    _create(state, {key: value for key, value in had.items() if key == tags.FIRST_PASSWORD})


def remove_new(state: LaunchState) -> None:
    """Delete the volume that this launch has made; one that was there before stays."""
    if not state.volume_is_new:
        return
    eventual.retried(
        lambda: state.clients.ec2.delete_volume(VolumeId=state.volume_id),
        what=state.volume_id,
        on_wait=state.report.waiting,
    )
    state.billed.pop(state.volume_id)
    state.volume_is_new = False
    state.record_change(f"deleted {state.volume_id}, which was blank")


def _create(state: LaunchState, more_tags: Mapping[str, str]) -> None:
    """Make the volume in the zone of the subnet and wait until it is there. Raises CloudError."""
    defaults, size = state.options.defaults.data_volume, state.options.new_volume_gib
    volume_tags = {**state.tags, "Name": f"{state.hub.domain} data", tags.ROLE: DATA, **more_tags}
    request: CreateVolumeRequestTypeDef = {
        "AvailabilityZone": state.subnet.zone,
        "Size": size,
        "VolumeType": defaults.type,
        "Encrypted": True,
        "TagSpecifications": tags.specifications(volume_tags, "volume"),
    }
    if state.kms_key_arn:
        request["KmsKeyId"] = state.kms_key_arn
    with eventual.creating():
        state.volume_id = state.clients.ec2.create_volume(**request)["VolumeId"]
    state.volume_is_new = True
    state.record_change(f"created the data volume {state.volume_id}, {size} GiB, in {state.subnet.zone}")
    state.billed[state.volume_id] = Billed(
        f"the data volume {state.volume_id} of {size} GiB", size * _DOLLARS_A_GIB_AND_MONTH[defaults.type]
    )
    wait_for(state, state.volume_id, "available")


def attach(state: LaunchState, instance_id: str) -> None:
    """Attach the data volume to ``instance_id``, after its launch: so it outlives the instance.

    Nothing if it is there already.

    Raises CloudError when something else holds it.
    """
    holder = holder_of(state)
    if holder == instance_id:
        return
    if holder is not None:
        _wait_for_the_end_of(state, holder)
    wait_for(state, state.volume_id, "available")
    volumes.attach(state.clients.ec2, state.volume_id, instance_id, DEVICE, on_wait=state.report.waiting)
    wait_for(state, state.volume_id, "in-use")
    state.record_change(f"attached {state.volume_id} to {instance_id}")


def detach(state: LaunchState) -> None:
    """Take the volume from whatever stopped instance has it."""
    if holder_of(state) is not None:
        state.clients.ec2.detach_volume(VolumeId=state.volume_id)
        wait_for(state, state.volume_id, "available")


def snapshot(state: LaunchState, why: str, role: str = DATA) -> str:
    """A snapshot of the data volume as it is now, tagged as the hub's; does not wait for its copy.

    Waits while EC2's limits allow none: somebody's backup may have begun a moment ago.
    """
    snapshot_tags = {**state.tags, "Name": f"{state.hub.domain} data, {why}", tags.ROLE: role}
    with eventual.creating():
        created = snapshots.when_allowed(
            lambda: state.clients.ec2.create_snapshot(
                VolumeId=state.volume_id,
                Description=f"hubsmith: data of {state.hub.domain}, {why}",
                TagSpecifications=tags.specifications(snapshot_tags, "snapshot"),
            ),
            what=f"the next snapshot of {state.volume_id}",
            timeout_s=_WAIT_S,
            on_wait=state.report.waiting,
        )
    state.record_change(f"snapshot {created['SnapshotId']} of {state.volume_id}, {why}")
    return created["SnapshotId"]


def holder_of(state: LaunchState) -> str | None:
    """The instance that has the data volume."""
    volume = volumes.described(state.clients.ec2, state.volume_id)
    attachments = volume.get("Attachments", []) if volume else []
    return attachments[0]["InstanceId"] if attachments else None


def wait_for(state: LaunchState, volume_id: str, wanted: str) -> None:
    """Wait until the volume is ``available`` or ``in-use`` (and then attached). Raises CloudError."""
    volumes.wait_for_state(
        state.clients.ec2, volume_id, wanted, timeout_s=_WAIT_S, hint=_HINT, on_wait=state.report.waiting
    )


def _wait_for_the_end_of(state: LaunchState, holder: str) -> None:
    """An instance that is being terminated lets go of the volume; any other has no business with it."""
    found = state.clients.ec2.describe_instances(InstanceIds=[holder])["Reservations"]
    status = found[0]["Instances"][0]["State"]["Name"] if found else "terminated"
    if status not in ("shutting-down", "terminated"):
        raise CloudError(
            f"the data volume {state.volume_id} is attached to {holder} ({status}), which is not the "
            f"instance of {state.hub.domain}",
            hint="stop that instance and detach the volume, then run this again",
        )
