"""Upkeep: sweep, prune."""

from __future__ import annotations

from typing import TYPE_CHECKING

from build.commands.common import JSON, cli_session, confirm, connect_to
from build.commands.failure_reporting import after_rebuild
from build.commands.options import ManifestOptions, manifest_task
from build.commands.regions import show_by_region, with_copies
from build.report.reporter import Reporter

if TYPE_CHECKING:
    from build.aws.session import Clients
    from build.manifest import Manifest


@manifest_task(
    help=JSON
    | {"dry-run": "Only show what would be removed", "run": "RUN-ID  Remove only what this run has made"}
)
def sweep(choice: ManifestOptions, dry_run: bool = False, run: str = "", json: bool = False) -> None:
    """Remove what builds that died have left behind."""
    from build.images import sweep as sweeper

    with cli_session() as report:
        chosen = choice.load()
        regions = with_copies(chosen, connect_to(chosen, report))
        found = [(clients, sweeper.find(clients, only_run=run or None)) for clients in regions]
        if not dry_run:
            for clients, leftovers in found:
                sweeper.remove(clients, leftovers, report)
        show_by_region(report, sweeper.COLUMNS, sweeper.cells, found, json=json)
        count = sum(len(leftovers) for _, leftovers in found)
        report.note(f"{count} leftover(s) {'found' if dry_run else 'removed'}")


@manifest_task(
    help=JSON
    | {
        "dry-run": "Only show what would be removed",
        "yes": "Do not ask",
        "scheduled": "For timers, after rebuild --scheduled: do not repeat a failure that it has reported",
    }
)
def prune(
    choice: ManifestOptions,
    dry_run: bool = False,
    yes: bool = False,
    scheduled: bool = False,
    json: bool = False,
) -> None:
    """Remove images and layers that retention does not keep.

    Their snapshots go too. Images that are in use stay.
    """
    from build.images import retention

    with cli_session() as report:
        ready = _ready(choice, report, scheduled=scheduled)
        if ready is None:
            return
        chosen, home = ready
        found = [
            (clients, retention.decide(chosen, clients, report)) for clients in with_copies(chosen, home)
        ]
        going = [decision for _, rows in found for decision in rows if not decision.keep]
        if going and not dry_run:
            confirm(
                f"{', '.join(decision.id for decision in going)} will be gone",
                yes=yes,
                hint="--yes skips the question, --dry-run only shows",
            )
            for clients, decisions in found:
                retention.remove(clients, decisions, report)
        show_by_region(report, retention.COLUMNS, retention.cells, found, json=json)
        report.note(retention.summary([each for _, rows in found for each in rows], dry_run=dry_run))


def _ready(choice: ManifestOptions, report: Reporter, *, scheduled: bool) -> tuple[Manifest, Clients] | None:
    """None when a schedule's rebuild has said why there is nothing to be done."""
    with after_rebuild(choice, report, scheduled=scheduled):
        chosen = choice.load()
        return chosen, connect_to(chosen, report)
    return None
