"""The end of an upgrade: the old instance is stopped and is not the hub any more."""

from __future__ import annotations

from build.aws import tags
from build.hubs.retired import KEEP_DAYS, retire, retired_instances
from build.launch import replacement
from build.launch.state import LaunchState
from build.pipeline import Step
from build.upgrade.swap import Swap, require_old


class KeepOldInstance(Step[LaunchState]):
    """Stop the old instance and tag it; terminate those of earlier upgrades.

    Needs: old_id.
    """

    title = "stop the old instance"

    def __init__(self, swap: Swap) -> None:
        self._swap = swap

    def run(self, state: LaunchState) -> None:
        """The hub answers on the new instance: from here on there is no way back."""
        self._swap.stop_clock()
        old_id = require_old(state)
        state.committed = True
        replacement.stop(state, old_id)
        retire(state.clients, state.hub, old_id)
        state.clients.ec2.delete_tags(Resources=[state.instance_id], Tags=[{"Key": tags.REPLACES}])
        state.report.note(f"{old_id} stays, stopped; `invoke prune` removes it after {KEEP_DAYS} days")
        for earlier in retired_instances(state.clients, state.hub):
            if earlier["InstanceId"] != old_id:
                state.clients.ec2.terminate_instances(InstanceIds=[earlier["InstanceId"]])
                state.record_change(f"terminated {earlier['InstanceId']} of an earlier upgrade")
        replacement.remove_earlier_snapshots(state)
