"""Layers: snapshots of a builder between two provisioners, for later builds to start from.

A layer is a snapshot with tags. It is taken while the build goes on, which waits for the call and not for the copy; EC2 says whether it is
whole, so that one of a build that was killed is either complete or not used. The first build that starts from it registers it as a
private image. Its key is the fingerprint of everything up to and including its provisioner, so that manifests that share their first
steps share layers; a layer's age is that of its oldest packages, not of its snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from build.aws import tags
from build.aws.refusals import code_of, explain
from build.bake import fingerprint
from build.bake.inputs import Inputs
from build.bake.state import Bake, Layer
from build.errors import HubsmithError, RemoteError
from build.manifest import Manifest, ProvisionerUse
from build.pipeline import Step
from build.remote.shell import Shell

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import ImageTypeDef, RegisterImageRequestTypeDef, SnapshotTypeDef

    from build.aws.session import Clients

STATE = "layer"
_SCRIPT = Path(__file__).with_name("layer.sh")
_HOLD_S = 55
"""Less than what layer.sh lets the file system be held for."""


@dataclass(frozen=True)
class Found:
    """What there is for one provisioner: the layer, or why there is none to start from."""

    provisioner: str
    layer: Layer | None
    why: str


def key_of(now: Inputs, number: int) -> str:
    """The key of the layer after the provisioner ``number``: what is in it, and the scripts that put it there."""
    return fingerprint.digest(now.fingerprints[number].digest, now.settings["hubsmith"])


def look(manifest: Manifest, clients: Clients, now: Inputs) -> list[Found]:
    """For each provisioner in order what layers there are. Asks once; makes nothing."""
    if not manifest.layers.enabled:
        return [Found(use.name, None, "layers.enabled is false") for use in manifest.provisioners]
    keys = [key_of(now, number) for number in range(len(manifest.provisioners))]
    snapshots = clients.ec2.describe_snapshots(OwnerIds=["self"], Filters=tags.having(tags.STATE, STATE))["Snapshots"]
    by_key: dict[str, list[SnapshotTypeDef]] = {}
    for snapshot in snapshots:
        by_key.setdefault(tags.as_dict(snapshot.get("Tags")).get(tags.LAYER, ""), []).append(snapshot)
    made = {tags.as_dict(snapshot.get("Tags")).get(tags.LAYER_OF, "") for snapshot in snapshots}
    return [_best(manifest, use, number, by_key.get(keys[number], []), made) for number, use in enumerate(manifest.provisioners)]


def deepest(found: Sequence[Found]) -> Layer | None:
    """The one to start from."""
    return next((each.layer for each in reversed(found) if each.layer), None)


def start_of(found: Sequence[Found]) -> str:
    """In words, for a plan."""
    layer = deepest(found)
    return f"layer {layer.snapshot_id}, which has the first {layer.depth} provisioner(s) in it" if layer else "the base image"


def _best(manifest: Manifest, use: ProvisionerUse, number: int, snapshots: Sequence[SnapshotTypeDef], made: set[str]) -> Found:
    why = f"{use.name} or what is before it is not as when a layer was made" if use.name in made else "none was made yet"
    for snapshot in sorted(snapshots, key=lambda one: (tags.as_dict(one.get("Tags"))[tags.SINCE], one["StartTime"]), reverse=True):
        problem = _problem(manifest, snapshot)
        if problem is None:
            marks = tags.as_dict(snapshot.get("Tags"))
            layer = Layer(snapshot["SnapshotId"], number + 1, marks.get(tags.MADE_BY, ""), marks[tags.SINCE])
            return Found(use.name, layer, f"{layer.snapshot_id}, packages of {layer.since[:16]}")
        why = problem
    return Found(use.name, None, why)


def _problem(manifest: Manifest, snapshot: SnapshotTypeDef) -> str | None:
    """Why a layer of the right content cannot be started from."""
    marks, root = tags.as_dict(snapshot.get("Tags")), manifest.builder.root_volume
    if snapshot["State"] != "completed":
        return f"{snapshot['SnapshotId']} is {snapshot['State']}"
    if datetime.now(timezone.utc) - datetime.fromisoformat(marks[tags.SINCE]) > timedelta(days=manifest.layers.max_age_days):
        return f"{snapshot['SnapshotId']} is older than layers.max_age_days ({manifest.layers.max_age_days})"
    if snapshot["VolumeSize"] > root.size_gib:
        return f"{snapshot['SnapshotId']} has {snapshot['VolumeSize']} GiB, more than builder.root_volume.size_gib"
    if snapshot["Encrypted"] and not root.encrypted:
        return f"{snapshot['SnapshotId']} is encrypted, builder.root_volume is not"
    return None


class FindLayer(Step[Bake]):
    """Choose what to start from.

    Needs: base, inputs. Produces: layer, since.
    """

    title = "look for a layer to start from"

    def run(self, state: Bake) -> None:
        """Raises CloudError when the layer cannot be registered."""
        found = [] if state.no_cache else look(state.manifest, state.clients, state.inputs)
        state.layer = deepest(found)
        state.since = state.layer.since if state.layer else state.run.started.isoformat(timespec="seconds")
        if state.layer:
            state.source_id = register(state.clients, state.layer, state.base.id, state.base.root_device)
            state.report.note(f"layer {state.source_id} ({state.layer.snapshot_id}): {state.layer.depth} provisioner(s) are in it")
        else:
            state.source_id = state.base.id


def register(clients: Clients, layer: Layer, base_id: str, root_device: str) -> str:
    """The private image of a layer, made if there is none yet."""
    name = f"hubsmith-layer-{layer.snapshot_id}"
    if known := _image_called(clients, name):
        return known
    base = clients.ec2.describe_images(ImageIds=[base_id])["Images"][0]
    snapshot = clients.ec2.describe_snapshots(SnapshotIds=[layer.snapshot_id])["Snapshots"][0]
    marks = {key: value for key, value in tags.as_dict(snapshot.get("Tags")).items() if not key.startswith("aws:")}
    try:
        return clients.ec2.register_image(**_request(base, name, layer, root_device, marks))["ImageId"]
    except ClientError as exc:
        if code_of(exc) == "InvalidAMIName.Duplicate" and (known := _image_called(clients, name)):  # another build was first
            return known
        raise


def _image_called(clients: Clients, name: str) -> str | None:
    images = clients.ec2.describe_images(Owners=["self"], Filters=[{"Name": "name", "Values": [name]}])["Images"]
    return images[0]["ImageId"] if images else None


def _request(base: ImageTypeDef, name: str, layer: Layer, root_device: str, marks: Mapping[str, str]) -> RegisterImageRequestTypeDef:
    """An image like the base image, on the layer's disk."""
    request: RegisterImageRequestTypeDef = {
        "Name": name,
        "Description": "hubsmith: half-way of a build, private",
        "Architecture": base["Architecture"],
        "VirtualizationType": "hvm",
        "EnaSupport": base.get("EnaSupport", True),
        "RootDeviceName": root_device,
        "BlockDeviceMappings": [{"DeviceName": root_device, "Ebs": {"SnapshotId": layer.snapshot_id, "DeleteOnTermination": True}}],
        "TagSpecifications": tags.specifications(marks, "image"),
    }
    if "SriovNetSupport" in base:
        request["SriovNetSupport"] = base["SriovNetSupport"]
    if "BootMode" in base:
        request["BootMode"] = base["BootMode"]
    if "ImdsSupport" in base:
        request["ImdsSupport"] = base["ImdsSupport"]
    return request


class PrepareBuilder(Step[Bake]):
    """Bring a builder that started from a layer back to where the layer was taken; note on any other what its base starts.

    Needs: builder, layer.
    """

    title = "prepare the builder for layers"

    def run(self, state: Bake) -> None:
        """Raises RemoteError when a builder from a layer is not as it has to be."""
        if not state.manifest.layers.enabled and not state.layer:
            return
        with Shell(state.builder.target) as shell:
            shell.send(_SCRIPT.read_bytes(), "sh -s -- %s", "resume" if state.layer else "begin", root=True)


class KeepLayer(Step[Bake]):
    """Take a snapshot of the builder as it is now, for later builds.

    Needs: builder, inputs, since. A layer that cannot be taken is a pity and no failure. It is no part of the run: it stays.
    """

    def __init__(self, use: ProvisionerUse, number: int) -> None:
        self._use = use
        self._number = number
        self.title = f"keep a layer after {use.name}"

    def run(self, state: Bake) -> None:
        """Never raises what EC2 or the builder refuses: it warns."""
        if not state.manifest.layers.enabled or (state.layer and self._number < state.layer.depth):
            return
        try:
            snapshot_id = self._take(state)
        except (ClientError, BotoCoreError, HubsmithError) as exc:
            state.report.warn(f"no layer after {self._use.name}: {explain(exc) or exc}")
            return
        state.report.note(f"layer {snapshot_id}")

    def _take(self, state: Bake) -> str:
        volume_id = _root_volume_of(state)
        made: list[str] = []
        try:
            with Shell(state.builder.target) as shell:
                shell.send(_SCRIPT.read_bytes(), "umask 077 && cat > /run/hubsmith-layer.sh", root=True)
                with shell.holding("sh /run/hubsmith-layer.sh hold", until="still", root=True, timeout_s=_HOLD_S):
                    answer = state.clients.ec2.create_snapshot(
                        VolumeId=volume_id,
                        Description=f"hubsmith: half-way of a build, after {self._use.name}",
                        TagSpecifications=tags.specifications(self._tags(state), "snapshot"),
                    )
                    made.append(answer["SnapshotId"])
        except BaseException:
            # The file system was let go too early, or nobody knows: such a snapshot is not to be found by anybody.
            for snapshot_id in made:
                with suppress(ClientError, BotoCoreError):
                    state.clients.ec2.delete_snapshot(SnapshotId=snapshot_id)
            raise
        return made[0]

    def _tags(self, state: Bake) -> dict[str, str]:
        """Without the run's own tag: sweep and the cleanup of a failed build leave a layer alone."""
        expires = datetime.fromisoformat(state.since) + timedelta(days=state.manifest.layers.max_age_days)
        return {
            "Name": f"hubsmith layer after {self._use.name}",
            tags.STATE: STATE,
            tags.LAYER: key_of(state.inputs, self._number),
            tags.LAYER_OF: self._use.name,
            tags.MADE_BY: state.run.id,
            tags.OWNER: state.run.owner,
            tags.SINCE: state.since,
            tags.EXPIRES: expires.isoformat(timespec="seconds"),
            tags.BASE: f"{state.base.id} {state.base.name}"[:256],
            tags.LOGIN_USER: state.base.login_user,
        }


def _root_volume_of(state: Bake) -> str:
    seen = state.clients.ec2.describe_instances(InstanceIds=[state.builder.id])["Reservations"][0]["Instances"][0]
    for mapping in seen["BlockDeviceMappings"]:
        if mapping["DeviceName"] == seen["RootDeviceName"]:
            return mapping["Ebs"]["VolumeId"]
    raise RemoteError(f"{state.builder.id} has no root volume")
