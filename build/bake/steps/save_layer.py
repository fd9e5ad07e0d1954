"""A layer is taken: the builder's disk is held still for the moment of the call."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from build.aws import eventual, snapshots, tags
from build.aws.errors import code_of, explain, in_words
from build.bake import instances, layers, scripts, watch
from build.bake.state import Bake
from build.errors import HubsmithError
from build.manifest import ProvisionerUse
from build.pipeline import Step

_HOLD_S = 55
"""Less than what layer.sh lets the file system be held for."""
_MOST_PENDING = 3
"""Of the five that EC2 allows: one is the image's own, and one may have been deleted and still be copied."""


class SaveLayer(Step[Bake]):
    """Take a snapshot of the builder as it is now, for later builds.

    Needs: builder, inputs, since. A layer that cannot be taken is a pity and no failure. It is no part of the
    run: it stays.

    Where EC2's limits allow no snapshot now, the layer is left out. To wait would cost each build up to 16 s
    for a provisioner; a layer that is left out costs a later build what came after the last one that was
    taken. Short provisioners in a row are the usual case, and there that is less than those 16 s. It cannot
    be taken later: by then the next provisioner is at work on the disk.
    """

    def __init__(self, use: ProvisionerUse, number: int) -> None:
        self._use = use
        self._number = number
        self.title = f"keep a layer after {use.name}"

    def run(self, state: Bake) -> None:
        """Never raises what EC2 or the builder refuses: it warns."""
        if not state.manifest.layers.enabled or (state.layer and self._number < state.layer.depth):
            return
        try:
            volume_id = instances.root_volume_of(state, state.builder.id)
            why = snapshots.why_not_now(state.clients.ec2, volume_id, most_pending=_MOST_PENDING)
            if why:
                self._left_out(state, why)
                return
            snapshot_id = self._take(state, volume_id)
        except (ClientError, BotoCoreError, HubsmithError) as exc:
            if isinstance(exc, ClientError) and code_of(exc) in snapshots.LIMITS:
                self._left_out(state, in_words(exc))
            else:
                state.report.warn(f"could not save a layer after {self._use.name}: {explain(exc) or exc}")
            return
        state.layer_ids.append(snapshot_id)
        state.report.note(f"layer {snapshot_id}")

    def _left_out(self, state: Bake, why: str) -> None:
        state.report.note(f"no layer after {self._use.name}: {why}")

    def _take(self, state: Bake, volume_id: str) -> str:
        made: list[str] = []
        try:
            with watch.shell(state, state.builder) as shell:
                shell.send(scripts.LAYER.read_bytes(), "umask 077 && cat > /run/hubsmith-layer.sh", root=True)
                with shell.holding(
                    "sh /run/hubsmith-layer.sh hold", until="still", root=True, timeout_s=_HOLD_S
                ):
                    with eventual.creating():
                        answer = state.clients.ec2.create_snapshot(
                            VolumeId=volume_id,
                            Description=f"hubsmith: half-way of a build, after {self._use.name}",
                            TagSpecifications=tags.specifications(self._tags(state), "snapshot"),
                        )
                    made.append(answer["SnapshotId"])
        except BaseException:
            # The file system was let go too early, or nobody knows: such a snapshot is not to be found by
            # anybody.
            for snapshot_id in made:
                _delete(state, snapshot_id)
            raise
        return made[0]

    def _tags(self, state: Bake) -> dict[str, str]:
        """Without the run's own tag: sweep and the cleanup of a failed build leave a layer alone."""
        expires = datetime.fromisoformat(state.since) + timedelta(days=state.manifest.layers.max_age_days)
        return {
            **state.run.given_tags,
            "Name": f"hubsmith layer after {self._use.name}",
            tags.STATE: layers.STATE,
            tags.LAYER: layers.key_of(state.inputs, self._number),
            tags.LAYER_OF: self._use.name,
            tags.MADE_BY: state.run.id,
            tags.OWNER: state.run.owner,
            tags.SINCE: state.since,
            tags.EXPIRES: expires.isoformat(timespec="seconds"),
            tags.BASE: f"{state.base.id} {state.base.name}"[:256],
            tags.LOGIN_USER: state.base.login_user,
        }


def _delete(state: Bake, snapshot_id: str) -> None:
    """Delete a layer that was made a moment ago, if EC2 lets it."""
    with suppress(ClientError, BotoCoreError):
        eventual.retried(
            lambda: state.clients.ec2.delete_snapshot(SnapshotId=snapshot_id),
            what=snapshot_id,
            on_wait=state.report.waiting,
        )
