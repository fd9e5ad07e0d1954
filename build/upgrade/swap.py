"""What the steps of an upgrade share beside the state of its launch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from build.errors import HubsmithError
from build.image_contract import HAND_OVER_PROGRAM
from build.launch.caller_ingress import is_open
from build.launch.state import LaunchState
from build.operate.ssh import KnownMachine, SshSession, ssh_session
from build.upgrade.gap import Answer, Gap, GapMeter, ask


@dataclass
class Swap:
    """One hub, from an old instance to a new one."""

    old: KnownMachine
    operator_key: str = ""
    new_id: str | None = None
    """The new instance, once it is to be terminated should the upgrade fail."""
    began: bool = False
    """The old instance was asked to give the data volume away."""
    is_back: bool = False
    """It has the volume again."""
    gap: Gap | None = None
    _meter: GapMeter | None = field(default=None, repr=False)

    @contextmanager
    def session(self, state: LaunchState) -> Iterator[SshSession]:
        """ssh to the old instance, for as long as the hub's address leads there."""
        with ssh_session(
            state.hub, state.clients, state.manifest, state.report, self.operator_key, self.old
        ) as session:
            yield session

    def can_hand_over(self, state: LaunchState) -> bool:
        """Whether the old instance's image has the program for it. Raises HubsmithError without ssh."""
        with self.session(state) as session:
            found = session.run(f"test -x {HAND_OVER_PROGRAM} && echo yes || echo no").strip()
        return found == "yes"

    def start_clock(self, state: LaunchState) -> None:
        """From here on visitors may miss something."""

        def look() -> Answer:
            return ask(state.address.ip, state.hub.domain)

        self._meter = GapMeter(look)
        self._meter.start(measures=is_open(state))

    def stop_clock(self) -> None:
        """What visitors missed, for the first time that this is called."""
        if self._meter is not None and self.gap is None:
            self.gap = self._meter.stop()


def require_old(state: LaunchState) -> str:
    """The instance that is upgraded. Raises HubsmithError when there is nothing to replace after all."""
    if state.old_id is None:
        raise HubsmithError(
            f"{state.instance_id} became the hub meanwhile", hint="run the same command again to see"
        )
    return state.old_id
