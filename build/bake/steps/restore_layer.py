"""A build that starts from a layer: the layer's image, and a builder brought back to that point."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from build.aws import eventual, images, tags
from build.aws.errors import code_of, explain
from build.bake import layers, scripts, watch
from build.bake.state import Bake, Layer
from build.errors import CloudError
from build.pipeline import Step

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import ImageTypeDef, RegisterImageRequestTypeDef

    from build.aws.session import Clients


_IMAGE_S = 120
"""A registered image is available after seconds, half a minute at most. One that takes longer is passed over:
a build from the base image is sure to go on.
"""
_USABLE = ["pending", "available"]


class FindLayer(Step[Bake]):
    """Choose what to start from.

    Needs: base, inputs. Produces: layer, since, source_id. Without a layer the build only takes longer, so
    nothing about layers makes it fail.
    """

    title = "look for a layer to start from"

    def run(self, state: Bake) -> None:
        """Warns when there is a layer that cannot be used."""
        state.layer, state.source_id = None, state.base.id
        try:
            self._look(state)
        except (ClientError, BotoCoreError, CloudError) as exc:
            state.report.warn(f"no layer can be used, starting from the base image: {explain(exc) or exc}")
        state.since = state.layer.since if state.layer else state.run.started.isoformat(timespec="seconds")

    def _look(self, state: Bake) -> None:
        choices = [] if state.no_cache else layers.find_layers(state.manifest, state.clients, state.inputs)
        if (layer := layers.deepest(choices)) is None:
            return
        image_id = register(state.clients, layer, state.base.id, state.base.root_device, state.run.given_tags)
        images.wait_until_available(
            state.clients.ec2, image_id, timeout_s=_IMAGE_S, on_wait=state.report.waiting
        )
        state.layer, state.source_id = layer, image_id
        state.report.note(f"layer {image_id} ({layer.snapshot_id}): {layer.depth} provisioner(s) are in it")


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


def register(
    clients: Clients,
    layer: Layer,
    base_id: str,
    root_device: str,
    more_tags: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The private image of a layer, made if there is none yet: it may still be pending. Raises CloudError."""
    name = f"hubsmith-layer-{layer.snapshot_id}"
    if found := _images_called(clients, name):
        return found[0]["ImageId"]
    base = images.described(clients.ec2, base_id)
    snapshot = eventual.found(
        lambda: clients.ec2.describe_snapshots(SnapshotIds=[layer.snapshot_id])["Snapshots"]
    )
    if base is None or snapshot is None:
        raise CloudError(f"{layer.snapshot_id if base else base_id} no longer exists")
    of_the_snapshot = tags.as_dict(snapshot.get("Tags"))
    layer_tags = {
        **more_tags,
        **{key: value for key, value in of_the_snapshot.items() if not key.startswith("aws:")},
    }
    try:
        with eventual.creating():
            return clients.ec2.register_image(**_request(base, name, layer, root_device, layer_tags))[
                "ImageId"
            ]
    except ClientError as exc:
        if code_of(exc) != "InvalidAMIName.Duplicate":
            raise
        # another build was first; it may have been a moment ago
        return eventual.listed(lambda: _images_called(clients, name), what=name)["ImageId"]


def _images_called(clients: Clients, name: str) -> list[ImageTypeDef]:
    return clients.ec2.describe_images(
        Owners=["self"],
        Filters=[{"Name": "name", "Values": [name]}, {"Name": "state", "Values": _USABLE}],
    )["Images"]


def _request(
    base: ImageTypeDef, name: str, layer: Layer, root_device: str, layer_tags: Mapping[str, str]
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
        "TagSpecifications": tags.specifications(layer_tags, "image"),
    }
    if "SriovNetSupport" in base:
        request["SriovNetSupport"] = base["SriovNetSupport"]
    if "BootMode" in base:
        request["BootMode"] = base["BootMode"]
    if "ImdsSupport" in base:
        request["ImdsSupport"] = base["ImdsSupport"]
    return request
