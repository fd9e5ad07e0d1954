"""Rebuild: a build when there is a reason for one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta

from invoke import Exit

from build import paths
from build.aws.session import Clients
from build.bake.recipe import bake
from build.commands.choice import Choice, choosing
from build.commands.common import JSON, connect_to, policy, talking
from build.errors import HubsmithError
from build.manifest import Manifest
from build.pipeline import OnFailure
from build.report import Reporter
from build.upkeep import attempts
from build.upkeep import rebuild as rebuilder
from build.upkeep.attempts import Attempts, Counter
from build.upkeep.rebuild import Verdict
from build.upkeep.schedule.when import When

STALE = 3


@choosing(
    auto_shortflags=False,  # one of them would be -h
    help=JSON
    | {
        "max-age": "build also when the packages of the published image are older than this: 12h, 7d, 2w",
        "check": "only say whether a build is due; exit code 3 if it is",
        "no-cache": "do not start from a layer of an earlier build",
        "on-failure": "cleanup, or keep: leave the machine on which a build failed and say how to reach it",
        "catch-up": 'do nothing unless the last scheduled run was before this time of the week: "Mon 03:00"',
        "scheduled": "for a timer: a run that counts; quiet while all is well; after three failures in a row not at every turn",
    },
)
def rebuild(
    choice: Choice,
    max_age: str = "",
    check: bool = False,
    no_cache: bool = False,
    on_failure: str = "cleanup",
    scheduled: bool = False,
    catch_up: str = "",
    json: bool = False,
) -> None:
    """Build if something has changed since the published image; says what. Prints the id of the image to use."""
    verdict = None
    with talking(quiet=scheduled and not check and not _is_kept()) as report:
        when_failed, limit = policy(on_failure), rebuilder.age_limit(max_age)
        chosen = choice.load(building=True)
        if catch_up and not rebuilder.missed(chosen, When.parse(catch_up)):
            report.note(f"no run was missed since {catch_up}")
        elif check:
            if scheduled:
                rebuilder.ran(chosen)
            verdict = _judge(chosen, connect_to(chosen, report), report, limit)
            _tell(verdict, report, json=json)
        else:
            with report.logging_to(paths.state_dir() / "rebuild.log"):
                _rebuild(chosen, report, limit, when_failed, no_cache=no_cache, scheduled=scheduled, json=json)
    if verdict and verdict.stale:
        raise Exit(code=STALE)


def _is_kept() -> bool:
    """Whether somebody keeps what is said without sending a mail of it: systemd's journal or a CI's log."""
    return bool(os.environ.get("JOURNAL_STREAM") or os.environ.get("CI"))


def _rebuild(
    manifest: Manifest, report: Reporter, limit: timedelta | None, when_failed: OnFailure, *, no_cache: bool, scheduled: bool, json: bool
) -> None:
    with rebuilder.turn(manifest) as holder:
        if holder:
            words = f"another rebuild of {manifest.image.name} is at work ({holder}): nothing to do here"
            report.document({"image_id": None, "built": False, "why_not": words}) if json else report.note(words)
            return
        if scheduled:
            rebuilder.ran(manifest)
        clients = connect_to(manifest, report, base=True)
        with _counting(manifest, clients, report) if scheduled else nullcontext(Counter(Attempts())) as counter:
            verdict = _judge(manifest, clients, report, limit)
            if not verdict.stale:
                _tell(verdict, report, json=json)
                return
            for reason in verdict.reasons:
                report.note(f"due: {reason}")
            image_id = None
            if why_not := counter.pause(verdict.inputs):
                report.note(why_not)
            else:
                image_id = bake(manifest, clients, report, when_failed, no_cache=no_cache or verdict.aged)
            if json:
                report.document({"image_id": image_id or verdict.image_id, "built": bool(image_id), "reasons": verdict.reasons})
            elif image_id:
                report.result(image_id)


@contextmanager
def _counting(manifest: Manifest, clients: Clients, report: Reporter) -> Iterator[Counter]:
    """Count the failures in a row of scheduled runs; the third one says so, and those that are like it afterwards are only logged."""
    image = manifest.image.name
    counter = Counter(attempts.read(clients, image))
    try:
        yield counter
    except Exception as exc:
        if words := counter.said_already():
            report.note(f"{exc}\n{words}")
            return
        after = counter.failed(str(exc))
        attempts.write(clients, image, after)
        if after.failures == attempts.LIMIT:
            raise _third_failure(exc, after) from exc
        raise
    if after_all := counter.went_well():
        attempts.write(clients, image, after_all)


def _judge(manifest: Manifest, clients: Clients, report: Reporter, limit: timedelta | None) -> Verdict:
    with report.step("compare with the published image"):
        return rebuilder.judge(manifest, clients, limit)


def _tell(verdict: Verdict, report: Reporter, *, json: bool) -> None:
    """The verdict when nothing is built."""
    if json:
        report.document({"image_id": verdict.image_id, "built": False, "stale": verdict.stale, "reasons": verdict.reasons})
        return
    for reason in verdict.reasons:
        report.note(f"due: {reason}")
    if not verdict.stale:
        report.note(f"nothing changed: {verdict.image_id} is made of the same")
    if verdict.image_id:
        report.result(verdict.image_id)


def _third_failure(exc: Exception, after: attempts.Attempts) -> HubsmithError:
    pause = rebuilder.in_words(attempts.PAUSE)
    error = HubsmithError(
        f"{exc}\nthis is the {attempts.LIMIT}rd failure in a row, since {after.since[:16]} UTC",
        hint=f"a schedule tries again after {pause}, or when something has changed; `invoke rebuild` tries at once",
    )
    error.exit_code = getattr(exc, "exit_code", error.exit_code)
    return error
