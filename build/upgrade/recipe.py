"""The upgrade, in order: the steps of a launch, with another change of instances.

    new instance boots and waits → old one shows a page, stops the hub, gives the volume away
    → the hub answers on the new one → the address moves → the old one stops

Whatever fails before the last arrow: the volume goes back, and the old instance is the hub again.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from build import image_contract
from build.aws.session import Clients
from build.errors import HubsmithError
from build.hubs import instances, lock
from build.hubs import operator_key as hubs_operator_key
from build.hubs.dns import find_zone
from build.hubs.hub import Hub
from build.hubs.instances import HubInstance
from build.hubs.models import HubImage
from build.hubs.volume import own_volume
from build.launch import recipe as launch_recipe
from build.launch import user_data
from build.launch.address import EnsureAddress, MoveAddress
from build.launch.dns import FindZone
from build.launch.image import FindHubImage, of_instance
from build.launch.instance import RunInstance
from build.launch.options import LaunchOptions
from build.launch.password import EnsurePassword
from build.launch.role import EnsureRole
from build.launch.security_group import EnsureSecurityGroup
from build.launch.state import LaunchState
from build.launch.subnet import FindSubnet
from build.launch.volume import EnsureVolume
from build.launch.wait_for_https import WaitForHub
from build.manifest import Manifest
from build.operate.ssh import known_machine
from build.pipeline import Runner, Step
from build.report.reporter import Reporter
from build.upgrade.gap import Gap
from build.upgrade.hand_over import HandOver
from build.upgrade.keep_old import KeepOldInstance
from build.upgrade.options import options_like, told_at_launch
from build.upgrade.standby import WaitForStandby
from build.upgrade.swap import Swap


@dataclass(frozen=True)
class Preview:
    """What an upgrade would do. ``interrupted``: the volume has left the old instance already."""

    domain: str
    instance: HubInstance
    runs: HubImage
    image: HubImage
    options: LaunchOptions
    interrupted: bool
    successor_id: str | None

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to do."""
        return self.successor_id is not None or self.runs.id != self.image.id

    @property
    def stops_first(self) -> str:
        """Why the old instance has to stop before the new one can be the hub; empty when it does not have to.

        An image whose version no tag tells is asked later.
        """
        if self.interrupted:
            return f"an earlier upgrade was interrupted when {self.instance.id} had given the volume away"
        for image in (self.runs, self.image):
            if image.version and not image_contract.supports("upgrade", image.version):
                return f"{image.id} was built by Hubsmith {image.version}, before there were upgrades"
        return ""


@dataclass(frozen=True)
class Upgraded:
    """What was done; ``gap`` is None where the old instance had to stop first."""

    state: LaunchState
    old_id: str | None
    gap: Gap | None


def steps(swap: Swap) -> list[Step[LaunchState]]:
    """What an upgrade does."""
    return [
        FindHubImage(),
        FindZone(),
        FindSubnet(),
        EnsureRole(),
        EnsureSecurityGroup(),
        EnsureAddress(),
        EnsureVolume(),
        EnsurePassword(),
        RunInstance(),
        WaitForStandby(swap),
        HandOver(swap),
        MoveAddress(),
        WaitForHub(),
        KeepOldInstance(swap),
    ]


def preview(manifest: Manifest, clients: Clients, report: Reporter, hub: Hub, image_id: str) -> Preview:
    """What would be done, without doing it. Raises HubsmithError when there is no hub that runs."""
    alive = instances.of_hub(clients, hub)
    current, successor = instances.current_and_successor(alive, hub.domain)
    if current is None:
        raise HubsmithError(
            f"there is no hub {hub.domain} in {clients.cloud.region}",
            hint="`invoke hubs` lists those there are",
        )
    told = told_at_launch(clients, current)
    options = options_like(manifest, current, told, image_id, standby=False)
    state = LaunchState(hub, options, manifest, clients, report)
    FindHubImage().run(state)
    interrupted = successor is not None and _holder(clients, hub) != current.id
    if current.state != "running" and not interrupted:
        raise HubsmithError(
            f"{current.id} is {current.state}", hint=f"`invoke launch --domain {hub.domain}` starts it"
        )
    return Preview(
        hub.domain,
        current,
        of_instance(state, current),
        state.image,
        replace(options, image_id=state.image.id),
        interrupted,
        successor.id if successor else None,
    )


def upgrade(
    manifest: Manifest, clients: Clients, report: Reporter, hub: Hub, plan: Preview, operator_key: str = ""
) -> Upgraded:
    """Put the image of ``plan`` in place. Raises HubsmithError or what botocore raised; repeat it then."""
    reason = plan.stops_first
    if not reason:
        with lock.held(hub, clients, "upgrade"), report.logging_to(hub.folder / "upgrade.log"):
            hubs_operator_key.ensure_key(hub, operator_key)
            swap = Swap(known_machine(hub, clients), operator_key)
            state = _state(manifest, clients, report, hub, plan)
            if swap.can_hand_over(state):
                return _run(state, swap)
            reason = f"{plan.runs.id} has no {image_contract.HAND_OVER_PROGRAM}"
    report.warn(f"the old instance stops first this time, as with `launch --replace`: {reason}")
    options = replace(plan.options, dns=find_zone(clients, hub.domain) is not None)
    state = launch_recipe.launch(manifest, clients, report, hub, options, operator_key)
    return Upgraded(state, plan.instance.id, None)


def document(done: Upgraded) -> dict[str, Any]:
    """The upgrade for machines."""
    state = done.state
    return {
        "url": state.hub.url,
        "domain": state.hub.domain,
        "address": state.address.ip,
        "instance_id": state.instance_id,
        "old_instance_id": done.old_id,
        "image_id": state.image.id,
        "volume_id": state.volume_id,
        "gap": asdict(done.gap) if done.gap else None,
        "changes": state.changes,
    }


def _state(manifest: Manifest, clients: Clients, report: Reporter, hub: Hub, plan: Preview) -> LaunchState:
    options = replace(plan.options, standby=True)
    user_data.check_size(hub, options, clients.cloud)
    return LaunchState(hub, options, manifest, clients, report)


def _run(state: LaunchState, swap: Swap) -> Upgraded:
    try:
        Runner[LaunchState](state.report).run(steps(swap), state)
    finally:
        swap.stop_clock()
    return Upgraded(state, state.old_id, swap.gap)


def _holder(clients: Clients, hub: Hub) -> str | None:
    """The instance that has the data volume."""
    found = own_volume(clients, hub)
    attachments = found.get("Attachments", []) if found else []
    return attachments[0]["InstanceId"] if attachments else None
