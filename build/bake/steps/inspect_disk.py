"""A copy of the image's disk beside a running machine: what is on it is seen without booting it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from build.aws import eventual, instances, tags, volumes
from build.aws.errors import code_of
from build.bake import scripts, watch
from build.bake.plan import OUTSIDE_TEST
from build.bake.state import Bake
from build.bake.steps.verify import OUTSIDE, run_tests
from build.pipeline import Step

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import CreateVolumeRequestTypeDef

MOUNTED_AT = "/run/hubsmith-image"
_SECRETS_AT = "/run/hubsmith-secrets"
_DEVICE = "/dev/sdf"
_ATTACH_S = 300
_MIB_A_SECOND = 300
"""The most that EBS takes (EC2 API reference, CreateVolume)."""
_NO_RATE = frozenset(
    {
        "InvalidParameter",
        "InvalidParameterCombination",
        "InvalidParameterValue",
        "UnknownParameter",
        "UnsupportedOperation",
        "VolumeInitializationRateLimitExceeded",
    }
)
"""Regions without provisioned rates, and snapshots that they are not for."""


class CopyDisk(Step[Bake]):
    """Ask for a volume of the image's snapshot: EBS fetches its blocks while the candidate is tested.

    Needs: candidate, snapshot_ids. Produces: disk_copy_id.
    """

    title = "copy the image's disk"

    def run(self, state: Bake) -> None:
        """Raises what botocore raises. Without a test_sealed.py it does nothing."""
        if not _test_of(state).is_file():
            return
        zone = instances.listed(state.clients.ec2, state.candidate.id)["Placement"]["AvailabilityZone"]
        with eventual.creating():
            state.disk_copy_id = eventual.retried(
                lambda: self._create(state, zone), what=state.snapshot_ids[0]
            )

    def _create(self, state: Bake, zone: str) -> str:
        """A volume whose blocks come at a known rate: each is read from S3 the first time it is asked for."""
        request: CreateVolumeRequestTypeDef = {
            "SnapshotId": state.snapshot_ids[0],
            "AvailabilityZone": zone,
            "VolumeType": "gp3",
            "TagSpecifications": tags.specifications(state.run.tags, "volume"),
        }
        at_a_rate: CreateVolumeRequestTypeDef = {**request, "VolumeInitializationRate": _MIB_A_SECOND}
        try:
            made = state.clients.ec2.create_volume(**at_a_rate)
        except ClientError as exc:
            if code_of(exc) not in _NO_RATE:
                raise
            state.report.note(f"no volume initialization rate here: {exc.response['Error'].get('Message')}")
            made = state.clients.ec2.create_volume(**request)
        return made["VolumeId"]

    def cleanup(self, state: Bake) -> None:
        """An attached volume ends with the candidate; one that a failure left before is deleted here."""
        eventual.settle(state.report.waiting)
        # Of that snapshot: the builder's disk, which has the run's tag as well, may be on its way out.
        mine = [
            *tags.having(tags.RUN, state.run.id),
            {"Name": "snapshot-id", "Values": [state.snapshot_ids[0]]},
        ]
        for volume in state.clients.ec2.describe_volumes(Filters=mine)["Volumes"]:  # type: ignore[arg-type]  # a list of the same dicts
            if not volume["Attachments"]:
                _wait(state, volume["VolumeId"], "available", _ATTACH_S)
                state.clients.ec2.delete_volume(VolumeId=volume["VolumeId"])
            elif volume["Attachments"][0]["Device"] == _DEVICE:
                _goes_with_the_candidate(state)


class InspectImageFiles(Step[Bake]):
    """Attach the copy of the image's disk to the candidate, read-only, and run the tests of its files.

    Needs: candidate, disk_copy_id. Adds to: tests.
    """

    title = "inspect the image's files on another machine"

    def run(self, state: Bake) -> None:
        """Raises HubsmithError naming the tests that failed. Without a test_sealed.py it does nothing."""
        test = _test_of(state)
        if not test.is_file():
            state.report.note(f"no {OUTSIDE_TEST}: skipped")
            return
        self._attach(state)
        with watch.shell(state, state.candidate) as shell:
            shell.send(
                scripts.MOUNT_IMAGE.read_bytes(),
                "sh -s -- %s %s",
                state.disk_copy_id.replace("-", ""),
                MOUNTED_AT,
                root=True,
            )
            # In a file, as everybody on this machine can read command lines.
            shell.send("\n".join(secrets_of(state)).encode(), "umask 077 && cat > %s", _SECRETS_AT, root=True)
        variables = {"HUBSMITH_IMAGE_ROOT": MOUNTED_AT, "HUBSMITH_SECRETS": _SECRETS_AT}
        run_tests(state, [test], [state.candidate], OUTSIDE, variables)

    def _attach(self, state: Bake) -> None:
        volume_id = state.disk_copy_id
        _wait(state, volume_id, "available", state.manifest.builder.timeouts.image_s)
        volumes.attach(state.clients.ec2, volume_id, state.candidate.id, _DEVICE)
        _wait(state, volume_id, "in-use", _ATTACH_S)
        _goes_with_the_candidate(state)


def _test_of(state: Bake) -> Path:
    return state.manifest.tests_folder / OUTSIDE_TEST


def secrets_of(state: Bake) -> list[str]:
    """Strings that only this run knows, each long enough to be found by chance nowhere."""
    keys = [state.run.key, *state.host_keys]
    private = [line for key in keys for line in key.private.splitlines() if len(line) > 40]
    runs = [state.run.id, *([state.layer.run_id] if state.layer else [])]
    return [*runs, *(key.public.split()[1] for key in keys), *private]


def _goes_with_the_candidate(state: Bake) -> None:
    # Volumes attached to a running instance are kept when it ends, unless one says so (EC2 user guide,
    # "Preserve data"). EC2 does not say when the instance knows of one that DescribeVolumes calls attached.
    eventual.retried(
        lambda: state.clients.ec2.modify_instance_attribute(
            InstanceId=state.candidate.id,
            BlockDeviceMappings=[{"DeviceName": _DEVICE, "Ebs": {"DeleteOnTermination": True}}],
        ),
        what=f"{_DEVICE} of {state.candidate.id}",
        codes=["InvalidInstanceAttributeValue"],
    )


def _wait(state: Bake, volume_id: str, wanted: str, timeout_s: float) -> None:
    volumes.wait_for_state(
        state.clients.ec2, volume_id, wanted, timeout_s=timeout_s, on_wait=state.report.waiting
    )
