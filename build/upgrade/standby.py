"""The new instance boots while the old one is still the hub, and waits for the data volume."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from build.aws import console, eventual
from build.aws.instances import console_tail, wait_for_state
from build.aws.wait import wait_until
from build.errors import CloudError, HubsmithError
from build.hubs import instances
from build.image_contract import BOOT_FAILED, WAITS_FOR_VOLUME
from build.launch.state import LaunchState
from build.pipeline import Step
from build.upgrade.swap import Swap, require_old

_WAITS = "waits for the data volume"


class WaitForStandby(Step[LaunchState]):
    """Wait until the new instance has booted and lacks nothing but the data volume.

    Its console says so: it has published nothing in the hub's name. Needs: instance_id, old_id, kernel.
    """

    title = "wait until the new instance is ready to take over"
    makes_product = True

    def __init__(self, swap: Swap) -> None:
        self._swap = swap

    def run(self, state: LaunchState) -> None:
        """Raises HubsmithError when the new instance does not come that far; the old one is as it was."""
        require_old(state)
        self._swap.new_id = state.instance_id
        try:
            wait_until(
                lambda: _progress(state),
                lambda seen: seen == _WAITS,
                what=state.instance_id,
                timeout_s=state.options.defaults.ready_minutes * 60,
                on_wait=state.report.waiting,
                interval_s=console.EVERY_S / 2,
            )
        except CloudError as exc:
            end = console_tail(state.clients.ec2, state.instance_id)
            hint = f"the old instance is the hub as before; the end of the new one's console:\n{end}"
            raise HubsmithError(exc.message + state.kernel.likely_cause(), hint=hint) from exc
        state.report.note(f"{state.instance_id} {_WAITS}")

    def cleanup(self, state: LaunchState) -> None:
        """Terminate the new instance, unless it is the hub or may have the data volume."""
        new_id = self._swap.new_id
        if new_id is None or state.committed or (self._swap.began and not self._swap.is_back):
            return
        ec2 = state.clients.ec2
        eventual.retried(
            lambda: ec2.terminate_instances(InstanceIds=[new_id]), what=new_id, on_wait=state.report.waiting
        )
        wait_for_state(
            ec2,
            new_id,
            "terminated",
            timeout_s=state.manifest.builder.timeouts.stop_s,
            on_wait=state.report.waiting,
        )
        state.report.note(f"{new_id} is gone")


def _progress(state: LaunchState) -> str:
    """How far the new instance is. Raises HubsmithError when it will not come further."""
    if fault := state.kernel.check(state.report.warn):
        raise HubsmithError(f"{state.instance_id}: {fault}")
    now = instances.by_id(state.clients, state.instance_id).state
    if now not in ("pending", "running"):
        raise HubsmithError(f"{state.instance_id} is {now}: somebody has ended it")
    try:
        said = console.output(state.clients.ec2, state.instance_id)
    except (ClientError, BotoCoreError):
        return "its console cannot be read yet"
    return judge(said, state.instance_id, state.volume_id)


def judge(said: str, instance_id: str, volume_id: str) -> str:
    """The same, of what the console said. Raises HubsmithError when the boot has failed."""
    waits = said.rfind(WAITS_FOR_VOLUME.format(volume_id))
    failed = said.rfind(BOOT_FAILED)
    if failed > waits:
        why = said[failed + len(BOOT_FAILED) :].splitlines()
        raise HubsmithError(
            f"{instance_id} cannot take over: {why[0].strip() if why else 'its boot failed'}",
            hint="the old instance is the hub as before",
        )
    return _WAITS if waits >= 0 else "boots"
