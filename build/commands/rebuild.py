"""Rebuild: a build when there is a reason for one."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from invoke import Exit

from build import paths
from build.commands.common import JSON, cli_session, connect_to, parse_on_failure
from build.commands.failure_reporting import counting_failures, failure_store, is_runner, load
from build.commands.options import ManifestOptions, manifest_task
from build.commands.regions import with_copies
from build.pipeline import OnFailure
from build.report.reporter import Reporter

if TYPE_CHECKING:
    from build.aws.session import Clients
    from build.manifest import Manifest
    from build.rebuild.due import RebuildDecision
    from build.rebuild.failures import FailureStreak

STALE = 3


@manifest_task(
    help=JSON
    | {
        "max-age": "AGE  Build also when the published image's packages are older: 12h, 7d, 2w",
        "check": "Only say whether a build is due; exit code 3 if it is",
        "no-cache": "Do not start from a layer of an earlier build",
        "on-failure": "cleanup|keep  keep leaves the machine of a failed build running (default: cleanup)",
        "catch-up": 'TIME  Run only if the scheduled run at this time of the week was missed: "Mon 03:00"',
        "scheduled": "For timers: print nothing on success; count failures, and pause after three in a row",
    },
)
def rebuild(
    choice: ManifestOptions,
    max_age: str = "",
    check: bool = False,
    no_cache: bool = False,
    on_failure: str = "cleanup",
    scheduled: bool = False,
    catch_up: str = "",
    json: bool = False,
) -> None:
    """Build if anything has changed since the published image.

    Says what has changed, and prints the id of the image to use.
    """
    decision, options = None, RebuildOptions(max_age, check, no_cache, on_failure, scheduled, catch_up, json)
    memory = failure_store(choice, scheduled=scheduled, check=check)
    with (
        cli_session(quiet=scheduled and not check and not _is_kept()) as report,
        _logging(report, check=check),
        counting_failures(memory, report) as counter,
    ):
        decision = _run(choice, options, report, counter)
    if decision and decision.stale:
        raise Exit(code=STALE)


@dataclass(frozen=True)
class RebuildOptions:
    """The options of the command that are its own."""

    max_age: str
    check: bool
    no_cache: bool
    on_failure: str
    scheduled: bool
    catch_up: str
    json: bool


def _is_kept() -> bool:
    """Whether somebody keeps what is said without sending a mail of it: systemd's journal or a CI's log."""
    return bool(os.environ.get("JOURNAL_STREAM")) or is_runner()


def _logging(report: Reporter, *, check: bool) -> AbstractContextManager[None]:
    return nullcontext() if check else report.logging_to(paths.state_dir() / "rebuild.log")


def _run(
    choice: ManifestOptions, options: RebuildOptions, report: Reporter, counter: FailureStreak
) -> RebuildDecision | None:
    """The verdict of a check; None of what has been done about it."""
    from build.rebuild import due as rebuilder
    from build.rebuild.schedule.weekly_time import WeeklyTime

    when_failed, limit = parse_on_failure(options.on_failure), rebuilder.age_limit(options.max_age)
    chosen = load(choice, counter)
    catch_up = options.catch_up
    if catch_up and not rebuilder.is_overdue(chosen, WeeklyTime.parse(catch_up, "--catch-up")):
        report.note(f"no run was missed since {catch_up}")
        return None
    if not options.check:
        _rebuild(chosen, options, report, counter, limit, when_failed)
        return None
    if options.scheduled:
        rebuilder.mark_run(chosen)
    decision = _judge(chosen, connect_to(chosen, report), report, limit)
    counter.went_well()
    _tell(decision, report, json=options.json)
    return decision


def _rebuild(
    manifest: Manifest,
    options: RebuildOptions,
    report: Reporter,
    counter: FailureStreak,
    limit: timedelta | None,
    when_failed: OnFailure,
) -> None:
    from build.rebuild import due as rebuilder

    with rebuilder.rebuild_lock(manifest) as holder:
        if holder:
            words = f"another rebuild of {manifest.image.name} is running ({holder}); nothing to do"
            report.document(
                {"image_id": None, "built": False, "why_not": words}
            ) if options.json else report.note(words)
            return
        if options.scheduled:
            rebuilder.mark_run(manifest)
        clients = connect_to(manifest, report, base=True)
        if options.scheduled:
            _prepare_scheduled(manifest, clients, report, counter)
        decision = _judge(manifest, clients, report, limit)
        counter.went_well()
        if decision.stale:
            _build(manifest, clients, report, counter, decision, options, when_failed)
        else:
            _tell(decision, report, json=options.json)


def _prepare_scheduled(
    manifest: Manifest, clients: Clients, report: Reporter, counter: FailureStreak
) -> None:
    """Remove what earlier runs have left, and count failures where every machine sees them."""
    from build.images import sweep
    from build.rebuild.failures import SsmStore

    for each in with_copies(manifest, clients):
        sweep.remove_expired(each, report)
    counter.go_on(SsmStore(clients, manifest.image.name))


def _build(
    manifest: Manifest,
    clients: Clients,
    report: Reporter,
    counter: FailureStreak,
    decision: RebuildDecision,
    options: RebuildOptions,
    when_failed: OnFailure,
) -> None:
    """Build what is due, unless failures have paused it, and print the image to use."""
    from build.bake.recipe import bake

    for reason in decision.reasons:
        report.note(f"due: {reason}")
    image_id = None
    if why_not := counter.pause(decision.inputs):
        report.note(why_not)
    else:
        image_id = bake(manifest, clients, report, when_failed, no_cache=options.no_cache or decision.aged)
    if options.json:
        report.document(
            {
                "image_id": image_id or decision.image_id,
                "built": bool(image_id),
                "reasons": decision.reasons,
            }
        )
    elif image_id:
        report.result(image_id)


def _judge(
    manifest: Manifest, clients: Clients, report: Reporter, limit: timedelta | None
) -> RebuildDecision:
    from build.rebuild import due as rebuilder

    with report.step("compare with the published image"):
        return rebuilder.decide(manifest, clients, limit, report.warn)


def _tell(decision: RebuildDecision, report: Reporter, *, json: bool) -> None:
    """The verdict when nothing is built."""
    if json:
        report.document(
            {
                "image_id": decision.image_id,
                "built": False,
                "stale": decision.stale,
                "reasons": decision.reasons,
            }
        )
        return
    for reason in decision.reasons:
        report.note(f"due: {reason}")
    if not decision.stale:
        report.note(f"nothing changed: {decision.image_id} is up to date")
    if decision.image_id:
        report.result(decision.image_id)
