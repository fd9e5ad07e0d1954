"""Everything that can be known to go wrong before the first thing is made."""

from __future__ import annotations

from datetime import timedelta, timezone

from botocore.exceptions import ClientError

from build.aws.errors import code_of, explain
from build.bake import launch_permissions
from build.bake.inputs.inputs import Inputs
from build.bake.state import Bake
from build.errors import UserError
from build.pipeline import Step


class Preflight(Step[Bake]):
    """Check names, sizes, instance types, and whether the image may be shared.

    Needs: base. Produces: inputs.
    """

    title = "preflight"

    def run(self, state: Bake) -> None:
        """Raises UserError for the first thing that cannot work."""
        check_name_free(state)
        check_root_volume(state)
        check_instance_types(state)
        launch_permissions.check(state)
        warn_of_credentials(state)
        check_parameter(state)
        if state.manifest.not_reproducible:
            state.report.warn(state.manifest.not_reproducible)
        state.inputs = Inputs.from_manifest(
            state.manifest, state.base.id, state.base.name, state.base.login_user
        )


def warn_of_credentials(state: Bake) -> None:
    """A build whose credentials end before it does can neither go on nor remove what it has made."""
    end, limit_minutes = state.clients.credentials_end, state.manifest.builder.lifetime_minutes
    if end is None or end >= state.run.started + timedelta(minutes=limit_minutes):
        return
    minutes = max(0, int((end - state.run.started).total_seconds() // 60))
    state.report.warn(
        f"the AWS credentials end in {minutes} minutes, at {end.astimezone(timezone.utc):%H:%M} UTC; a build "
        f"may take {limit_minutes} (builder.lifetime_minutes). What it leaves then, `invoke sweep` removes"
    )


def check_parameter(state: Bake) -> None:
    """Try the right to move the pointer, which is needed only at the end. Changes nothing: a parameter that
    is there is not overwritten; for one that is not, there is nothing to try.
    """
    ssm, name = state.clients.ssm, state.manifest.ssm_parameter
    if not name:
        return
    try:
        there = ssm.get_parameter(Name=name)["Parameter"]
        ssm.put_parameter(Name=name, Value=there["Value"], Type=there["Type"], Overwrite=False)
    except ClientError as exc:
        if code_of(exc) != "AccessDeniedException":
            return
        if exc.operation_name == "GetParameter":
            state.report.warn(f"publish.ssm_parameter: {name} cannot be read: {explain(exc)}")
            return
        raise UserError(
            f"publish.ssm_parameter: {name} cannot be written: {exc.response['Error'].get('Message')}",
            hint="allow ssm:PutParameter on it, or set publish.ssm_parameter to null; see docs/howto/aws.md",
            where=str(state.manifest.path),
        ) from exc


def check_name_free(state: Bake) -> None:
    """EC2 would refuse the name only at the end, after the work."""
    images = state.clients.ec2.describe_images(
        Owners=["self"], Filters=[{"Name": "name", "Values": [state.image_name]}]
    )["Images"]
    if images:
        raise UserError(
            f"image.name: {state.image_name} already exists: {images[0]['ImageId']}",
            hint="run this again: the name contains the time",
        )


def check_root_volume(state: Bake) -> None:
    """A root volume cannot be smaller than the snapshot it comes from."""
    wanted = state.manifest.builder.root_volume.size_gib
    if wanted < state.base.root_size_gib:
        raise UserError(
            f"builder.root_volume.size_gib: {wanted} GiB is less than the base image's "
            f"{state.base.root_size_gib} GiB",
            where=str(state.manifest.path),
        )


def check_instance_types(state: Bake) -> None:
    """Each type must be offered in the region and run the base image's architecture."""
    wanted = list(state.manifest.builder.instance_types)
    offered = state.clients.ec2.describe_instance_type_offerings(
        Filters=[{"Name": "instance-type", "Values": wanted}]
    )["InstanceTypeOfferings"]
    missing = sorted(set(wanted) - {str(offer["InstanceType"]) for offer in offered})
    if missing:
        raise UserError(
            f"builder.instance_types: {', '.join(missing)} not offered in {state.clients.cloud.region}",
            where=str(state.manifest.path),
        )
    described = state.clients.ec2.describe_instance_types(InstanceTypes=wanted)["InstanceTypes"]  # type: ignore[arg-type]  # any string EC2 knows
    for kind in described:
        architectures = kind.get("ProcessorInfo", {}).get("SupportedArchitectures", [])
        if state.base.architecture not in architectures:
            raise UserError(
                f"builder.instance_types: {kind['InstanceType']} runs {', '.join(architectures)}, not "
                f"{state.base.architecture}",
                where=str(state.manifest.path),
            )
