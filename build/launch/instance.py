"""The machine: found by tag and kept, or launched. A newer image is put in place only when asked for."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

from botocore.exceptions import ClientError

from build.aws import eventual
from build.aws.console import KernelWatch, kernel_faults
from build.aws.errors import code_of
from build.aws.instances import wait_for_state
from build.aws.placements import NO_CAPACITY, Placement, first_with_capacity
from build.aws.wait import wait_until
from build.errors import CloudError
from build.hubs import instances
from build.hubs.hub import Hub
from build.hubs.instances import HubInstance
from build.hubs.models import SubnetChoice
from build.hubs.volume import own_volume
from build.launch import run_instances_request, user_data, volume
from build.launch.image import of_instance
from build.launch.state import Billed, LaunchState
from build.pipeline import Step

_PROFILE_S = 120
_OF_ANOTHER_LAUNCH = ("IdempotentParameterMismatch", "IdempotentInstanceTerminated")
"""The token's launch wanted something else, or its instance is gone: this one needs a token of its own."""
_TOKEN_S = 600
"""After that EC2 lists the instance of a launch that was interrupted."""


class RunInstance(Step[LaunchState]):
    """Keep the instance that runs, finish a replacement that was interrupted, or launch an instance.

    Needs: image, subnet, placements, profile, group_id, volume_id. Produces: instance_id, kernel, names,
    old_id while one takes over from another.
    """

    title = "find or launch the instance"

    def run(self, state: LaunchState) -> None:
        """Raises CloudError, or HubsmithError when it is not clear which instance is the hub."""
        current, successor = instances.current_and_successor(
            instances.of_hub(state.clients, state.hub), state.hub.domain
        )
        if current and successor:
            state.report.note(f"continuing the replacement of {current.id} by {successor.id}")
            state.old_id = current.id
            _keep(state, successor)
        elif current and not self._is_to_be_replaced(state, current):
            _keep(state, current)
        else:
            state.old_id = current.id if current else None
            state.instance_id = _launch(state)
            state.kernel = KernelWatch(state.clients.ec2, state.instance_id)
            state.names = state.hub.names(subdomains=state.options.subdomains)
        ensure_running(state, state.instance_id)
        _token_file(state.hub).unlink(missing_ok=True)  # the next launch is another one

    def _is_to_be_replaced(self, state: LaunchState, current: HubInstance) -> bool:
        different = differences(state, current)
        if not different:
            if state.options.replace:
                state.report.note(f"{current.id} is up to date: nothing to replace")
            return False
        if state.options.replace:
            state.report.note(f"replacing {current.id}: {'; '.join(different)}")
            return True
        state.report.warn(
            f"{current.id} is kept; --replace would put a new instance in place: {'; '.join(different)}"
        )
        runs = of_instance(state, current)
        if runs.id != state.image.id and runs.created < state.image.created:
            state.newer_image = state.image
        state.image = runs
        return False


def differences(state: LaunchState, current: HubInstance) -> list[str]:
    """What of a running instance is not as requested and cannot be changed while it lives."""
    found = []
    if current.image_id != state.image.id:
        found.append(f"it runs {current.image_id}, not {state.image.id} ({state.image.name})")
    if current.instance_type not in state.options.instance_types:
        found.append(f"it is a {current.instance_type}, not a {' or '.join(state.options.instance_types)}")
    if current.launch_digest != user_data.digest(run_instances_request.launch_data(state)):
        found.append("its launch data (admin, email, subdomains, certificates from staging or not) differ")
    return found


def _keep(state: LaunchState, instance: HubInstance) -> None:
    state.instance_id = instance.id
    state.kernel = watch_kept(state, instance)
    state.names = state.hub.names(subdomains=instance.subdomains)


def watch_kept(state: LaunchState, instance: HubInstance) -> KernelWatch:
    """Watch the kernel of an earlier launch's instance: what it has recovered from is no failure now.

    A machine that runs, and has not started again since its kernel panicked, has not recovered.
    """
    found = kernel_faults(state.clients.ec2, instance.id)
    dead = [
        fault
        for fault in found
        if instance.state == "running" and fault.kind == "panic" and fault.is_in_this_boot
    ]
    return KernelWatch(state.clients.ec2, instance.id, known=[fault for fault in found if fault not in dead])


def ensure_running(state: LaunchState, instance_id: str) -> None:
    """Wait until it runs; start it if it is stopped."""
    ec2, timeouts = state.clients.ec2, state.manifest.builder.timeouts
    # By tag: right after its launch EC2 may not know its id yet, and then it is neither stopped nor stopping.
    status = next(
        (found.state for found in instances.of_hub(state.clients, state.hub) if found.id == instance_id),
        "pending",
    )
    if status == "stopping":
        wait_for_state(ec2, instance_id, "stopped", timeout_s=timeouts.stop_s, on_wait=state.report.waiting)
    if status in ("stopping", "stopped"):
        ec2.start_instances(InstanceIds=[instance_id])
        state.record_change(f"started {instance_id}")
    wait_for_state(ec2, instance_id, "running", timeout_s=timeouts.running_s, on_wait=state.report.waiting)


def _launch(state: LaunchState) -> str:
    """Launch one instance, where there is capacity; a new data volume goes with it from zone to zone.

    It is the one that an interrupted launch of a moment ago made already, if EC2 does not list it yet.
    Raises CloudError when there is no capacity anywhere; then a new volume is gone again.
    """

    if not state.placements:  # one was to be kept, when the subnet was chosen
        raise CloudError(f"the instance of {state.hub.domain} is gone", hint="run this again")

    def run(placement: Placement) -> str:
        before = state.subnet.zone
        state.subnet = SubnetChoice(state.subnet.vpc_id, placement.subnet_id or "", placement.zone)
        if placement.zone != before:
            volume.move_to_subnets_zone(state)
        instance_id = _run(state, placement)
        state.record_change(f"launched {instance_id} ({placement}) from {state.image.id}")
        return instance_id

    try:
        instance_id = first_with_capacity(_in_order(state), run, state.report.note)
    except ClientError as exc:
        if code_of(exc) not in NO_CAPACITY:
            raise
        volume.remove_new(state)
        raise _no_capacity(state, exc) from exc
    state.volume_is_new = False  # it is the instance's from here on
    state.billed[instance_id] = Billed(f"the instance {instance_id}")
    return instance_id


def _no_capacity(state: LaunchState, error: ClientError) -> CloudError:
    zones = sorted({placement.zone for placement in state.placements})
    hints = ["add types to launch.instance_types", "try again later"]
    if own_volume(state.clients, state.hub):
        hints.append("the data volume cannot leave its zone")
    elif state.options.subnet_ids:
        hints.append("name subnets of other zones in launch.subnet_ids")
    return CloudError(
        f"no capacity for {' or '.join(state.options.instance_types)} in {', '.join(zones)}; the last answer "
        f"to RunInstances: {error.response['Error'].get('Message')} ({code_of(error)})",
        hint="; ".join(hints),
    )


def _run(state: LaunchState, placement: Placement) -> str:
    """Launch at that placement, as soon as EC2 knows what goes with it. Raises ClientError."""
    request, why = run_instances_request.of(state, placement), ["wants another client token"]

    def attempt() -> str:
        request["ClientToken"] = _token(state.hub, placement)
        try:
            return state.clients.ec2.run_instances(**request)["Instances"][0]["InstanceId"]
        except ClientError as exc:
            if code_of(exc) in _OF_ANOTHER_LAUNCH:
                _token_file(state.hub).unlink(missing_ok=True)
            elif code_of(exc) in NO_CAPACITY:  # it has made nothing, and the next request is another
                _token_file(state.hub).unlink(missing_ok=True)
                raise
            elif not (found := _not_known_yet(state, exc)):
                raise
            else:
                why.append(f"does not know {found} yet")
            return ""

    with eventual.creating():
        return wait_until(
            attempt,
            bool,
            what="EC2",
            describe=lambda _: why[-1],
            timeout_s=_PROFILE_S,
            on_wait=state.report.waiting,
        )


def _not_known_yet(state: LaunchState, refusal: ClientError) -> str:
    """What of this launch EC2 does not know yet, in words; empty if it has refused something else."""
    if code_of(refusal) == "InvalidGroup.NotFound":
        return state.group_id
    # IAM tells EC2 of a new profile only after a while.
    names_profile = "iaminstanceprofile" in str(refusal).lower().replace(" ", "")
    if code_of(refusal) == "InvalidParameterValue" and names_profile:
        return f"the profile {state.profile}"
    return ""


def _token_file(hub: Hub) -> Path:
    """Holds the token of the last request and its instance type."""
    return hub.folder / "run-token"


def _told(hub: Hub) -> tuple[str, str]:
    """(token, instance type) of a request whose instance EC2 may not list yet; empty where there is none."""
    file = _token_file(hub)
    if not file.exists() or time.time() - file.stat().st_mtime > _TOKEN_S:
        return "", ""
    token, _, instance_type = file.read_text(encoding="ascii").partition(" ")
    return token, instance_type


def _token(hub: Hub, placement: Placement) -> str:
    """The same one until the instance runs: EC2 answers a repeated request with the instance that it made at
    first.
    """
    token, instance_type = _told(hub)
    if instance_type != placement.instance_type:
        token = secrets.token_hex(16)
        _token_file(hub).write_text(f"{token} {placement.instance_type}", encoding="ascii")
    return token


def _in_order(state: LaunchState) -> list[Placement]:
    """Those of the type that an interrupted launch has asked for first: it may have its instance already."""
    _, asked_for = _told(state.hub)
    return sorted(
        state.placements, key=lambda placement: bool(asked_for) and placement.instance_type != asked_for
    )
