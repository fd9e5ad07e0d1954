"""A build that starts from a layer: the layer's image, and a builder brought back to that point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from build.aws import tags
from build.aws.errors import code_of
from build.bake import layers, scripts, watch
from build.bake.state import Bake, Layer
from build.pipeline import Step

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import ImageTypeDef, RegisterImageRequestTypeDef

    from build.aws.session import Clients


class FindLayer(Step[Bake]):
    """Choose what to start from.

    Needs: base, inputs. Produces: layer, since.
    """

    title = "look for a layer to start from"

    def run(self, state: Bake) -> None:
        """Raises CloudError when the layer cannot be registered."""
        found = [] if state.no_cache else layers.look(state.manifest, state.clients, state.inputs)
        state.layer = layers.deepest(found)
        state.since = state.layer.since if state.layer else state.run.started.isoformat(timespec="seconds")
        if state.layer:
            state.source_id = register(state.clients, state.layer, state.base.id, state.base.root_device)
            state.report.note(
                f"layer {state.source_id} ({state.layer.snapshot_id}): {state.layer.depth} provisioner(s) "
                "are in it"
            )
        else:
            state.source_id = state.base.id


class PrepareBuilder(Step[Bake]):
    """Bring a builder that started from a layer back to where the layer was taken; note on any other what its
    base starts.

    Needs: builder, layer.
    """

    title = "prepare the builder for layers"

    def run(self, state: Bake) -> None:
        """Raises RemoteError when a builder from a layer is not as it has to be."""
        if not state.manifest.layers.enabled and not state.layer:
            return
        with watch.shell(state, state.builder) as shell:
            shell.send(
                scripts.LAYER.read_bytes(), "sh -s -- %s", "resume" if state.layer else "begin", root=True
            )


def register(clients: Clients, layer: Layer, base_id: str, root_device: str) -> str:
    """The private image of a layer, made if there is none yet."""
    name = f"hubsmith-layer-{layer.snapshot_id}"
    if known := _image_called(clients, name):
        return known
    base = clients.ec2.describe_images(ImageIds=[base_id])["Images"][0]
    snapshot = clients.ec2.describe_snapshots(SnapshotIds=[layer.snapshot_id])["Snapshots"][0]
    marks = {
        key: value for key, value in tags.as_dict(snapshot.get("Tags")).items() if not key.startswith("aws:")
    }
    try:
        return clients.ec2.register_image(**_request(base, name, layer, root_device, marks))["ImageId"]
    except ClientError as exc:
        # another build was first
        if code_of(exc) == "InvalidAMIName.Duplicate" and (known := _image_called(clients, name)):
            return known
        raise


def _image_called(clients: Clients, name: str) -> str | None:
    images = clients.ec2.describe_images(Owners=["self"], Filters=[{"Name": "name", "Values": [name]}])[
        "Images"
    ]
    return images[0]["ImageId"] if images else None


def _request(
    base: ImageTypeDef, name: str, layer: Layer, root_device: str, marks: Mapping[str, str]
) -> RegisterImageRequestTypeDef:
    """An image like the base image, on the layer's disk."""
    request: RegisterImageRequestTypeDef = {
        "Name": name,
        "Description": "hubsmith: half-way of a build, private",
        "Architecture": base["Architecture"],
        "VirtualizationType": "hvm",
        "EnaSupport": base.get("EnaSupport", True),
        "RootDeviceName": root_device,
        "BlockDeviceMappings": [
            {"DeviceName": root_device, "Ebs": {"SnapshotId": layer.snapshot_id, "DeleteOnTermination": True}}
        ],
        "TagSpecifications": tags.specifications(marks, "image"),
    }
    if "SriovNetSupport" in base:
        request["SriovNetSupport"] = base["SriovNetSupport"]
    if "BootMode" in base:
        request["BootMode"] = base["BootMode"]
    if "ImdsSupport" in base:
        request["ImdsSupport"] = base["ImdsSupport"]
    return request
