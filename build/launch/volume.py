"""The data volume: everything of a hub that has to last. Instances come and go, it stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from build.aws import encryption, tags
from build.aws.errors import code_of
from build.aws.wait import wait_until
from build.errors import CloudError, UserError
from build.launch.state import Billed, LaunchState
from build.pipeline import Step

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import CreateVolumeRequestTypeDef, VolumeTypeDef

    from build.aws.session import Clients
    from build.hubs.hub import Hub

DATA = "data"
DEVICE = "/dev/sdf"
_WAIT_S = 600
_DOLLARS_A_GIB_AND_MONTH = {"gp3": 0.08, "gp2": 0.10}  # docs/explanation/costs.md
_HINT = "look at the volume in the EC2 console; the same command goes on from here"


class EnsureVolume(Step[LaunchState]):
    """The volume with the hub's tag, grown if a larger one is wanted; else a new one, encrypted.

    Needs: subnet. Produces: volume_id.
    """

    title = "find or make the data volume"

    def run(self, state: LaunchState) -> None:
        """Raises UserError when a smaller volume is wanted than there is."""
        there = own_volume(state.clients, state.hub)
        if there is None:
            _create(state, {})
            return
        state.volume_id = there["VolumeId"]
        state.report.note(f"data volume {state.volume_id}, {there['Size']} GiB")
        wanted = state.options.data_size_gib or there["Size"]
        if wanted < there["Size"]:
            raise UserError(
                f"--data-size {wanted}: {state.volume_id} has {there['Size']} GiB, and a volume cannot shrink"
            )
        if wanted > there["Size"]:
            state.clients.ec2.modify_volume(VolumeId=state.volume_id, Size=wanted)
            state.record_change(
                f"{state.volume_id} grows from {there['Size']} to {wanted} GiB; the hub uses it from its "
                "next boot on"
            )


def own_volume(clients: Clients, hub: Hub) -> VolumeTypeDef | None:
    """The data volume of a hub. Raises CloudError when several say that they are it."""
    marks = [*tags.having(tags.HUB, hub.domain), *tags.having(tags.ROLE, DATA)]
    found = clients.ec2.describe_volumes(Filters=marks)["Volumes"]
    alive = [volume for volume in found if volume["State"] not in ("deleting", "deleted", "error")]
    if len(alive) > 1:
        names = ", ".join(sorted(volume["VolumeId"] for volume in alive))
        raise CloudError(
            f"{hub.domain} has more than one data volume: {names}",
            hint=(
                f"remove the tag {tags.HUB} from those not its own: aws ec2 delete-tags --resources vol-… "
                f"--tags Key={tags.HUB}"
            ),
        )
    return alive[0] if alive else None


def find_key(state: LaunchState) -> None:
    """The key for a volume that is to be made. Raises UserError when there is no such key."""
    if key := state.options.defaults.data_volume.kms_key_id:
        state.kms_key_arn = encryption.key_arn(state.clients, "launch.data_volume.kms_key_id", key)


def move_to_subnets_zone(state: LaunchState) -> None:
    """Put the volume that this launch has made into the zone of ``state.subnet``: as it is blank, another.

    The one before goes first: a hub with two data volumes would not know which is its own.
    """
    marks = tags.as_dict(_described(state).get("Tags"))
    remove_new(state)
    _create(state, {key: value for key, value in marks.items() if key == tags.FIRST_PASSWORD})


def remove_new(state: LaunchState) -> None:
    """Delete the volume that this launch has made; one that was there before stays."""
    if not state.volume_is_new:
        return
    state.clients.ec2.delete_volume(VolumeId=state.volume_id)
    state.billed.pop(state.volume_id)
    state.volume_is_new = False
    state.record_change(f"deleted {state.volume_id}, which was blank")


def _described(state: LaunchState) -> VolumeTypeDef:
    return state.clients.ec2.describe_volumes(VolumeIds=[state.volume_id])["Volumes"][0]


def _create(state: LaunchState, more_tags: Mapping[str, str]) -> None:
    """Make the volume in the zone of the subnet and wait until it is there. Raises CloudError."""
    defaults, size = state.options.defaults.data_volume, state.options.new_volume_gib
    marks = {**state.hub.tags, "Name": f"{state.hub.domain} data", tags.ROLE: DATA, **more_tags}
    request: CreateVolumeRequestTypeDef = {
        "AvailabilityZone": state.subnet.zone,
        "Size": size,
        "VolumeType": defaults.type,
        "Encrypted": True,
        "TagSpecifications": tags.specifications(marks, "volume"),
    }
    if state.kms_key_arn:
        request["KmsKeyId"] = state.kms_key_arn
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
    state.clients.ec2.attach_volume(VolumeId=state.volume_id, InstanceId=instance_id, Device=DEVICE)
    wait_for(state, state.volume_id, "in-use")
    state.record_change(f"attached {state.volume_id} to {instance_id}")


def detach(state: LaunchState) -> None:
    """Take the volume from whatever stopped instance has it."""
    if holder_of(state) is not None:
        state.clients.ec2.detach_volume(VolumeId=state.volume_id)
        wait_for(state, state.volume_id, "available")


def snapshot(state: LaunchState, why: str, role: str = DATA) -> str:
    """A snapshot of the data volume as it is now, tagged as the hub's; returns at once, EBS goes on alone."""
    marks = {**state.hub.tags, "Name": f"{state.hub.domain} data, {why}", tags.ROLE: role}
    made = state.clients.ec2.create_snapshot(
        VolumeId=state.volume_id,
        Description=f"hubsmith: data of {state.hub.domain}, {why}",
        TagSpecifications=tags.specifications(marks, "snapshot"),
    )
    state.record_change(f"snapshot {made['SnapshotId']} of {state.volume_id}, {why}")
    return made["SnapshotId"]


def holder_of(state: LaunchState) -> str | None:
    """The instance that has the data volume."""
    attachments = state.clients.ec2.describe_volumes(VolumeIds=[state.volume_id])["Volumes"][0].get(
        "Attachments", []
    )
    return attachments[0]["InstanceId"] if attachments else None


def wait_for(state: LaunchState, volume_id: str, wanted: str) -> None:
    """Wait until the volume is ``available`` or ``in-use`` (and then attached). Raises CloudError."""

    def look() -> str:
        try:
            volume = state.clients.ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"][0]
        except ClientError as exc:
            if code_of(exc) == "InvalidVolume.NotFound":  # EC2 is eventually consistent
                return "not there yet"
            raise
        attaching = [
            attachment["State"]
            for attachment in volume.get("Attachments", [])
            if attachment["State"] != "attached"
        ]
        return str(attaching[0] if attaching else volume["State"])

    seen = wait_until(
        look,
        lambda seen: seen in (wanted, "error"),
        what=volume_id,
        timeout_s=_WAIT_S,
        on_wait=state.report.waiting,
        hint=_HINT,
    )
    if seen != wanted:
        raise CloudError(f"{volume_id} is {seen}", hint=_HINT)


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
