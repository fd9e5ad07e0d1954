"""What a schedule's runs say of their failures: three in a row, then the same one not at every turn."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from build.commands.options import ManifestOptions
from build.errors import HubsmithError, ManifestError
from build.report.reporter import Reporter

if TYPE_CHECKING:
    from build.manifest import Manifest
    from build.rebuild.failures import FailureStore, FailureStreak


def failure_store(choice: ManifestOptions, *, scheduled: bool, check: bool = False) -> FailureStore:
    """Where the failures of this command line are remembered until its manifest and cloud are known."""
    from build.rebuild.failures import FileStore, NullStore

    if not scheduled:
        return NullStore()
    several = (*(choice.profile or ()), "--set", *(choice.set or ()))
    return FileStore(
        (str(Path(choice.manifest).absolute()), choice.cloud, *several, *(["--check"] if check else []))
    )


@contextmanager
def counting_failures(memory: FailureStore, report: Reporter) -> Iterator[FailureStreak]:
    """Count failures in a row; the third one says so, and those like it afterwards are only logged."""
    from build.aws.errors import explain
    from build.rebuild import failures
    from build.rebuild.failures import FailureStreak

    counter = FailureStreak(memory)
    try:
        yield counter
    except Exception as exc:
        known = exc if isinstance(exc, HubsmithError) else explain(exc)
        words = str(known or exc)
        if why := counter.said_already(exc):
            report.note(f"{words}\n{why}")
            return
        if _failures(counter, exc, words, report) == failures.LIMIT:
            raise _third_failure(known or HubsmithError(words), counter) from exc
        raise
    counter.ended()


def load(choice: ManifestOptions, counter: FailureStreak) -> Manifest:
    """The manifest of a build; mistakes in it are counted where it can be."""
    try:
        return choice.load(building=True)
    except ManifestError as exc:
        _count_beside_the_image(exc, counter)
        raise


@contextmanager
def after_rebuild(choice: ManifestOptions, report: Reporter, *, scheduled: bool) -> Iterator[None]:
    """For what a schedule runs behind a rebuild: what stops both is not said here when it is said no more."""
    from build.aws.errors import explain
    from build.rebuild.failures import FailureStreak

    try:
        yield
    except Exception as exc:
        counter = FailureStreak(failure_store(choice, scheduled=scheduled))
        _count_beside_the_image(exc, counter)
        if not (why := counter.paused()):
            raise
        report.note(f"{explain(exc) or exc}\n{why}")


def _count_beside_the_image(exc: Exception, counter: FailureStreak) -> None:
    """A runner keeps no files: a broken manifest is counted beside the image that it names all the same."""
    from botocore.exceptions import BotoCoreError, ClientError

    from build.aws.session import Cloud, connect
    from build.rebuild.failures import SsmStore

    about = exc.about if isinstance(exc, ManifestError) else {}
    if is_runner() and about.get("cloud") == "aws" and "image" in about and counter.counts:
        with suppress(ClientError, BotoCoreError, HubsmithError):
            counter.go_on(SsmStore(connect(Cloud("aws", about["region"])), about["image"]))


def is_runner() -> bool:
    """Whether this is a machine of a CI: it keeps its log and nothing else."""
    return bool(os.environ.get("CI"))


def _failures(counter: FailureStreak, exc: Exception, words: str, report: Reporter) -> int:
    """One more; how many that makes."""
    from botocore.exceptions import BotoCoreError, ClientError

    from build.aws.errors import explain

    try:
        return counter.failed(exc, words).failures
    except (ClientError, BotoCoreError) as problem:
        report.warn(f"the failure could not be counted: {explain(problem)}")
        return 0


def _third_failure(error: HubsmithError, counter: FailureStreak) -> HubsmithError:
    from build.rebuild import due as rebuilder
    from build.rebuild import failures

    since = counter.before.since[:16]
    pause = rebuilder.in_words(failures.PAUSE)
    again = (
        f"a schedule tries again after {pause}, or when something has changed; `invoke rebuild` tries at once"
    )
    third = HubsmithError(
        f"{error}\nthis is the {failures.LIMIT}rd failure in a row, since {since} UTC",
        hint="\n".join(filter(None, [error.hint, again])),
    )
    third.exit_code = error.exit_code
    return third
