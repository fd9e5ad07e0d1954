"""The launch, in order. Each line is a step in the file of the same name.

Every step looks before it makes: what is there by its tag is kept, and what differs is put right. So a launch
is not undone when it fails or is stopped; the same command again completes it. Only a replacement has a way
back (replacement.py): until the new instance has taken over, the old one can.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from build.aws.session import Clients
from build.hubs import lock
from build.hubs import operator_key as hubs_operator_key
from build.hubs.hub import Hub
from build.launch import leftovers, password, user_data
from build.launch.address import EnsureAddress, MoveAddress
from build.launch.dns import FindZone, UpsertDnsRecords
from build.launch.image import FindHubImage
from build.launch.instance import RunInstance
from build.launch.options import LaunchOptions
from build.launch.password import EnsurePassword
from build.launch.replacement import AttachDataVolume, TerminateOldInstance
from build.launch.role import EnsureRole
from build.launch.security_group import EnsureSecurityGroup
from build.launch.state import LaunchState
from build.launch.subnet import FindSubnet
from build.launch.volume import EnsureVolume
from build.launch.wait_for_https import WaitForHub
from build.manifest import Manifest
from build.pipeline import Runner, Step
from build.report.reporter import Reporter


def steps() -> list[Step[LaunchState]]:
    """What a launch does, from an image to a name in a browser."""
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
        AttachDataVolume(),
        MoveAddress(),
        UpsertDnsRecords(),
        WaitForHub(),
        TerminateOldInstance(),
    ]


def launch(
    manifest: Manifest,
    clients: Clients,
    report: Reporter,
    hub: Hub,
    options: LaunchOptions,
    operator_key: str = "",
) -> LaunchState:
    """Have the hub running; return what it is made of.

    Raises HubsmithError or what botocore raised; then the same call again goes on from there.
    """
    with lock.held(hub, clients, "launch"), report.logging_to(hub.folder / "launch.log"):
        hubs_operator_key.ensure_key(hub, operator_key)
        user_data.check_size(hub, options, clients.cloud)
        state = LaunchState(hub, options, manifest, clients, report)
        try:
            Runner[LaunchState](report).run(steps(), state)
        except BaseException:  # an interrupt as well
            if words := leftovers.in_words(state):
                report.warn(words)
            raise
        if not state.changes:
            report.note("everything is up to date; nothing was changed")
        return state


def document(state: LaunchState) -> dict[str, Any]:
    """The hub for machines; with the password if nobody has been shown it yet."""
    return {
        "url": state.hub.url,
        "domain": state.hub.domain,
        "names": list(state.names),
        "address": state.address.ip,
        "instance_id": state.instance_id,
        "image_id": state.image.id,
        "newer_image_id": state.newer_image.id if state.newer_image else None,
        "volume_id": state.volume_id,
        "zone_id": state.zone.id if state.zone else None,
        "certificate": asdict(state.certificate) if state.certificate else None,
        "admin": state.options.admin,
        "admin_password": state.password,
        "changes": state.changes,
    }


def password_was_shown(state: LaunchState) -> None:
    """To be called when it has been printed."""
    password.was_shown(state.clients, state.hub)
