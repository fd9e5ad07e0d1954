"""Who uses an image: a channel, a parameter, an instance, a launch template, another account."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from build.aws import tags
from build.aws.errors import code_of
from build.aws.session import Clients
from build.errors import CloudError
from build.manifest import Manifest

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import ImageTypeDef

_BY_PARAMETER = "resolve:ssm:"
_LISTED = ["pending", "running", "shutting-down", "stopping", "stopped"]


class Uses:
    """Who uses which image; each is asked once."""

    def __init__(self, manifest: Manifest, clients: Clients) -> None:
        self._clients = clients
        self._by_image: dict[str, str] = {}
        for image_id, user in (*self._parameter(manifest), *self._templates(), *self._instances()):
            self._by_image[image_id] = user

    def of(self, image: ImageTypeDef) -> str | None:
        """Why somebody would miss the image; None when nobody would."""
        image_id = image["ImageId"]
        if channel := tags.as_dict(image.get("Tags")).get(tags.CHANNEL):
            return f"published as channel {channel}"
        if user := self.by(image_id):
            return user
        answer = self._clients.ec2.describe_image_attribute(ImageId=image_id, Attribute="launchPermission")
        shared = len(answer.get("LaunchPermissions", []))
        return f"shared with {shared} account(s) or groups" if shared else None

    def by(self, image_id: str) -> str | None:
        """The parameter, launch template or instance that names the image."""
        return self._by_image.get(image_id)

    def _instances(self) -> Iterator[tuple[str, str]]:
        pages = self._clients.ec2.get_paginator("describe_instances").paginate(
            Filters=[{"Name": "instance-state-name", "Values": _LISTED}]
        )
        for page in pages:
            for reservation in page["Reservations"]:
                for instance in reservation["Instances"]:
                    yield instance["ImageId"], f"in use by {instance['InstanceId']}"

    def _parameter(self, manifest: Manifest) -> Iterator[tuple[str, str]]:
        if not manifest.ssm_parameter:
            return
        try:
            yield (
                self._clients.ssm.get_parameter(Name=manifest.ssm_parameter)["Parameter"]["Value"],
                f"in {manifest.ssm_parameter}",
            )
        except ClientError as exc:
            if code_of(exc) != "ParameterNotFound":
                raise

    def _templates(self) -> Iterator[tuple[str, str]]:
        """Of every version: an Auto Scaling group may have chosen any by its number."""
        ec2 = self._clients.ec2
        for page in ec2.get_paginator("describe_launch_templates").paginate():
            for template in page["LaunchTemplates"]:
                versions = ec2.get_paginator("describe_launch_template_versions").paginate(
                    LaunchTemplateId=template["LaunchTemplateId"]
                )
                for version in (one for found in versions for one in found["LaunchTemplateVersions"]):
                    if image_id := self._resolved(
                        version["LaunchTemplateData"].get("ImageId", ""), template["LaunchTemplateName"]
                    ):
                        yield image_id, f"in launch template {template['LaunchTemplateName']}"

    def _resolved(self, image_id: str, template: str) -> str | None:
        """The image of a template, which may name a parameter: resolve:ssm:NAME, with :version or :label."""
        if not image_id.startswith(_BY_PARAMETER):
            return image_id
        name = image_id.removeprefix(_BY_PARAMETER)
        if name.startswith("/aws/service/"):  # never one of ours
            return None
        try:
            return self._clients.ssm.get_parameter(Name=name)["Parameter"]["Value"]
        except ClientError as exc:
            if code_of(exc) in ("ParameterNotFound", "ParameterVersionNotFound"):
                return None
            if code_of(exc) == "AccessDeniedException":
                hint = (
                    f"allow ssm:GetParameter on {name}; without it nobody can say whether that image is "
                    "one of these"
                )
                raise CloudError(
                    f"launch template {template} takes its image from a parameter that may not be read",
                    hint=hint,
                ) from exc
            raise
