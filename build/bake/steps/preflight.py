"""Everything that can be known to go wrong before the first thing is made."""

from __future__ import annotations

from datetime import timedelta, timezone

from botocore.exceptions import ClientError

from build.aws import encryption, placements
from build.aws.errors import code_of, explain
from build.aws.placements import Placement
from build.bake import launch_permissions
from build.bake.inputs.inputs import Inputs
from build.bake.state import Bake, ImageCopy
from build.errors import UserError
from build.pipeline import Step


class Preflight(Step[Bake]):
    """Check names, sizes, instance types, and whether the image may be shared.

    Needs: base. Produces: inputs, placements, kms_key_arn.
    """

    title = "preflight"

    def run(self, state: Bake) -> None:
        """Raises UserError for the first thing that cannot work."""
        check_name_free(state)
        look(state)
        check_parameter(state)
        if state.manifest.not_reproducible:
            state.report.warn(state.manifest.not_reproducible)
        state.inputs = Inputs.from_manifest(
            state.manifest, state.base.id, state.base.name, state.base.login_user
        )


def look(state: Bake) -> None:
    """What asks AWS and tries nothing: `plan` does this, too. Raises UserError."""
    check_root_volume(state)
    state.placements = find_placements(state)
    launch_permissions.check(state)
    warn_of_credentials(state)
    if key := state.manifest.builder.root_volume.kms_key_id:
        setting = "builder.root_volume.kms_key_id"
        state.kms_key_arn = encryption.key_arn(state.clients, setting, key)


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


def check_parameter(state: Bake | ImageCopy) -> None:
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


def check_name_free(state: Bake | ImageCopy) -> None:
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


def find_placements(state: Bake) -> tuple[Placement, ...]:
    """Each type of ``builder.instance_types`` in each subnet whose zone offers it, in order of preference.

    A type that is not offered is left out with a warning. Raises UserError when none is left, and for a type
    that cannot run the base image.
    """
    wanted, subnets = state.manifest.builder.instance_types, _subnets(state)
    offers = placements.offers(state.clients.ec2, wanted)
    in_reach = {kind for kind, zone in offers if not subnets or zone in subnets.values()}
    missing = [kind for kind in wanted if kind not in in_reach]
    where = state.clients.cloud.region
    if state.manifest.builder.subnets:
        where = f"{' or '.join(sorted(set(subnets.values())))}, where builder's subnets are"
    if not in_reach:
        raise _refused(state, f"{', '.join(missing)} not offered in {where}")
    if missing:
        state.report.warn(f"builder.instance_types: {', '.join(missing)} not offered in {where}: left out")
    offered = [kind for kind in wanted if kind in in_reach]
    _check_types(state, offered)
    if not subnets:
        return tuple(Placement(kind) for kind in offered)
    return tuple(
        Placement(kind, subnet_id, zone)
        for kind in offered
        for subnet_id, zone in subnets.items()
        if (kind, zone) in offers
    )


def _subnets(state: Bake) -> dict[str, str]:
    """{id: zone} of the subnets that are named, else of the default ones, if there are any."""
    ec2, named = state.clients.ec2, state.manifest.builder.subnets
    if not named:
        found = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
        by_zone = sorted(found, key=lambda subnet: subnet["AvailabilityZone"])
        return {subnet["SubnetId"]: subnet["AvailabilityZone"] for subnet in by_zone}
    by_id = {subnet["SubnetId"]: subnet for subnet in ec2.describe_subnets(SubnetIds=named)["Subnets"]}
    if len({subnet["VpcId"] for subnet in by_id.values()}) > 1:
        raise UserError(
            "builder.subnet_ids: the subnets are of several VPCs, and a security group is of one",
            where=str(state.manifest.path),
        )
    return {subnet_id: by_id[subnet_id]["AvailabilityZone"] for subnet_id in named}


def _check_types(state: Bake, instance_types: list[str]) -> None:
    """Each must run the base image's architecture, and say which of its disks is which."""
    for kind in placements.described(state.clients.ec2, instance_types):
        architectures = kind.get("ProcessorInfo", {}).get("SupportedArchitectures", [])
        if state.base.architecture not in architectures:
            raise _refused(
                state,
                f"{kind['InstanceType']} runs {', '.join(architectures)}, not {state.base.architecture}",
            )
        if placements.hides_volume_ids(kind):
            raise _refused(
                state,
                f"{kind['InstanceType']} {placements.NO_VOLUME_IDS}",
                hint=placements.NITRO_HINT,
            )


def _refused(state: Bake, why: str, hint: str | None = None) -> UserError:
    return UserError(f"builder.instance_types: {why}", where=str(state.manifest.path), hint=hint)
