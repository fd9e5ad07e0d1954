"""The upgrade of a hub to another image: upgrade."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from build.commands.common import JSON, cli_session, confirm, connect_to
from build.commands.hubs import KEY
from build.commands.launch import DOMAIN
from build.commands.options import ManifestOptions, manifest_task
from build.errors import UserError

if TYPE_CHECKING:
    from build.manifest import Manifest
    from build.report.reporter import Reporter
    from build.upgrade.recipe import Preview, Upgraded


@manifest_task(
    help=JSON
    | DOMAIN
    | KEY
    | {
        "ami": "AMI-ID  Upgrade to this image (default: the newest published one)",
        "channel": "NAME  Upgrade to the newest image of this channel (default: publish.channel)",
        "yes": "Do not ask",
        "dry-run": "Only show what would happen",
    }
)
def upgrade(
    choice: ManifestOptions,
    domain: str = "",
    ami: str = "",
    channel: str = "",
    operator_key: str = "",
    yes: bool = False,
    dry_run: bool = False,
    json: bool = False,
) -> None:
    """Give a hub a newer image, and print how long it was away.

    The new instance boots before the old one stops. If the hub does not
    answer there, the old instance is the hub again.
    """
    from build.hubs.hub import Hub
    from build.launch.options import is_image_id
    from build.upgrade import recipe

    with cli_session(when_stopped="the same command again goes on from here") as report:
        hub = Hub.named(domain)
        if ami and channel:
            raise UserError("--ami and --channel exclude each other", hint="give one of them")
        if ami and not is_image_id(ami):
            raise UserError(f"--ami {ami}: not the id of an image", hint="`invoke images` lists them")
        chosen = _of_channel(choice.load(), channel)
        clients = connect_to(chosen, report)
        plan = recipe.preview(chosen, clients, report, hub, ami)
        if dry_run or not plan.is_needed:
            _show(plan, report, json=json)
            return
        confirm(
            f"{hub.domain} changes from {plan.runs.id} to {plan.image.id}, and every notebook server ends",
            yes=yes,
            hint="--yes skips the question, --dry-run only shows",
        )
        _tell(recipe.upgrade(chosen, clients, report, hub, plan, operator_key), report, json=json)


def _of_channel(manifest: Manifest, channel: str) -> Manifest:
    if not channel:
        return manifest
    return replace(manifest, publish=manifest.publish.model_copy(update={"channel": channel}))


def _show(plan: Preview, report: Reporter, *, json: bool) -> None:
    """What would happen."""
    from build.hubs.retired import KEEP_DAYS

    document = {
        "domain": plan.domain,
        "instance_id": plan.instance.id,
        "image_id": plan.runs.id,
        "new_image_id": plan.image.id,
        "is_needed": plan.is_needed,
        "stops_first": plan.stops_first or None,
        "successor_id": plan.successor_id,
    }
    if json:
        report.document(document)
        return
    if not plan.is_needed:
        report.note(f"{plan.instance.id} runs {plan.image.id}, which is the image asked for")
        return
    end = (
        "terminated" if plan.stops_first else f"stopped, and removed by `invoke prune` after {KEEP_DAYS} days"
    )
    report.sheet(
        [
            ("hub", plan.domain),
            ("runs", f"{plan.runs.id} ({plan.runs.name}) on {plan.instance.id}"),
            ("would run", f"{plan.image.id} ({plan.image.name}) on {plan.successor_id or 'a new instance'}"),
            ("without the hub", plan.stops_first or "while the data volume moves and the hub starts"),
            ("ends", "every notebook server"),
            ("afterwards", f"{plan.instance.id} is {end}"),
        ]
    )


def _tell(done: Upgraded, report: Reporter, *, json: bool) -> None:
    from build.upgrade import recipe

    if json:
        report.document(recipe.document(done))
        return
    if done.gap:
        report.result(str(done.gap))
    report.result(done.state.hub.url)
