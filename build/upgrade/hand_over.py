"""The data volume goes from the old instance to the new one, and back if the hub does not answer there.

    old: page, hub and servers stopped, unmounted → snapshot → volume moves → the hub answers on the new one

The old instance goes on all the time and shows visitors a page. Nothing is detached by force.
"""

from __future__ import annotations

import json
import subprocess

from build.aws import volumes
from build.aws.wait import wait_until
from build.errors import HubsmithError
from build.hubs import instances
from build.image_contract import HAND_OVER_PROGRAM
from build.launch import replacement, volume, wait_for_https
from build.launch.instance import ensure_running, watch_kept
from build.launch.state import LaunchState
from build.pipeline import Step
from build.upgrade.swap import Swap, require_old

_RELEASE_S = 420
_SETTLE_S = 300


class HandOver(Step[LaunchState]):
    """Stop the hub on the old instance, move the data volume, and wait until the hub answers on the new one.

    Needs: volume_id, instance_id, old_id, address, names, kernel.
    """

    title = "hand the hub over to the new instance"
    makes_product = True

    def __init__(self, swap: Swap) -> None:
        self._swap = swap

    def run(self, state: LaunchState) -> None:
        """Raises CloudError, or HubsmithError when the hub does not answer on the new instance."""
        old_id = require_old(state)
        self._swap.start_clock(state)
        self._swap.began = True
        self._release(state, old_id)
        if volume.holder_of(state) == old_id:
            volume.snapshot(state, "before the upgrade", replacement.BEFORE)
            volume.detach(state)
        volume.attach(state, state.instance_id)
        wait_for_https.wait(state, instances.by_id(state.clients, state.instance_id).public_ip)

    def cleanup(self, state: LaunchState) -> None:
        """Make the old instance the hub again, unless the new one is."""
        if not self._swap.began or state.committed:
            return
        old_id = require_old(state)
        _take_back(state, old_id)
        self._resume(state, old_id)
        self._swap.is_back = True
        state.report.note(f"{old_id} is the hub again")
        state.instance_id = old_id
        state.kernel = watch_kept(state, self._swap.old.instance)
        wait_for_https.wait(state, state.address.ip)
        self._swap.stop_clock()
        state.report.note(str(self._swap.gap))

    def _release(self, state: LaunchState, old_id: str) -> None:
        """Have the volume unmounted on the old instance; shut that down where it cannot be."""
        try:
            self._ask_for_release(state, old_id)
        except (HubsmithError, OSError, subprocess.TimeoutExpired) as exc:
            state.report.warn(
                f"{old_id} cannot give the data volume away while it runs ({exc}): it shuts down, and shows "
                "no page"
            )
            replacement.stop(state, old_id)

    def _ask_for_release(self, state: LaunchState, old_id: str) -> None:
        with self._swap.session(state) as session:
            session.run(f"{HAND_OVER_PROGRAM} start")
            told = wait_until(
                lambda: _told(session.run(f"{HAND_OVER_PROGRAM} state")),
                lambda told: told["phase"] in ("released", "failed"),
                what=old_id,
                describe=lambda told: told["message"] or told["phase"],
                timeout_s=_RELEASE_S,
                on_wait=state.report.waiting,
            )
        if told["phase"] == "failed":
            raise HubsmithError(told["message"])
        state.record_change(f"stopped the hub on {old_id}; it shows a page")

    def _resume(self, state: LaunchState, old_id: str) -> None:
        """Start the hub on the old instance; by a start of the machine where ssh does not lead to it."""
        if instances.by_id(state.clients, old_id).state == "running":
            try:
                with self._swap.session(state) as session:
                    session.run(f"{HAND_OVER_PROGRAM} resume")
                    return
            except (HubsmithError, OSError, subprocess.TimeoutExpired) as exc:
                state.report.warn(f"{old_id} is started again, as it does not do as it is told: {exc}")
                replacement.stop(state, old_id)
        ensure_running(state, old_id)


def _take_back(state: LaunchState, old_id: str) -> None:
    """Volume and address of the old instance. The new one shuts down before it loses the volume."""
    _settle(state)
    if volume.holder_of(state) == state.instance_id:
        replacement.stop(state, state.instance_id)
        volume.detach(state)
    volume.attach(state, old_id)
    state.clients.ec2.associate_address(
        AllocationId=state.address.allocation_id, InstanceId=old_id, AllowReassociation=True
    )


def _settle(state: LaunchState) -> None:
    """A volume that is on its way arrives first."""
    wait_until(
        lambda: volumes.state_of(volumes.described(state.clients.ec2, state.volume_id)),
        lambda seen: seen in ("available", "in-use"),
        what=state.volume_id,
        timeout_s=_SETTLE_S,
        on_wait=state.report.waiting,
        hint="look at the volume in the EC2 console; the same command goes on from here",
    )


def _told(text: str) -> dict[str, str]:
    """What the machine says of itself. Raises HubsmithError."""
    try:
        document = json.loads(text)
        return {"phase": str(document["phase"]), "message": str(document["message"])}
    except (ValueError, KeyError, TypeError) as exc:
        raise HubsmithError(f"not an answer of {HAND_OVER_PROGRAM}: {text[:200]}") from exc
