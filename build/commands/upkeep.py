"""Upkeep: sweep, prune."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from build.commands.common import JSON, cli_session, confirm, connect_to
from build.commands.failure_reporting import after_rebuild
from build.commands.options import ManifestOptions, manifest_task
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
        clients = connect_to(choice.load(), report)
        leftovers = sweeper.find(clients, only_run=run or None)
        if not dry_run:
            sweeper.remove(clients, leftovers, report)
        if json:
            report.document([asdict(leftover) for leftover in leftovers])
        else:
            report.table(sweeper.COLUMNS, [sweeper.cells(leftover) for leftover in leftovers])
        report.note(f"{len(leftovers)} leftover(s) {'found' if dry_run else 'removed'}")


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
        chosen, clients = ready
        decisions = retention.decide(chosen, clients, report)
        going = [decision for decision in decisions if not decision.keep]
        if going and not dry_run:
            confirm(
                f"{', '.join(decision.id for decision in going)} will be gone",
                yes=yes,
                hint="--yes skips the question, --dry-run only shows",
            )
            retention.remove(clients, decisions, report)
        if json:
            report.document([asdict(decision) for decision in decisions])
        else:
            report.table(retention.COLUMNS, [retention.cells(decision) for decision in decisions])
        report.note(retention.summary(decisions, dry_run=dry_run))


def _ready(choice: ManifestOptions, report: Reporter, *, scheduled: bool) -> tuple[Manifest, Clients] | None:
    """None when a schedule's rebuild has said why there is nothing to be done."""
    with after_rebuild(choice, report, scheduled=scheduled):
        chosen = choice.load()
        return chosen, connect_to(chosen, report)
    return None
