"""What a schedule's runs say of their failures: three in a row, then the same one not at every turn."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from build.commands.options import Choice
from build.errors import HubsmithError, ManifestError
from build.report.reporter import Reporter

if TYPE_CHECKING:
    from build.manifest import Manifest
    from build.rebuild.counter import Counter
    from build.rebuild.memory import Memory


def memory_of(choice: Choice, *, scheduled: bool, check: bool = False) -> Memory:
    """Where the failures of this command line are remembered until its manifest and cloud are known."""
    from build.rebuild.memory import File, Nowhere

    if not scheduled:
        return Nowhere()
    several = (*(choice.profile or ()), "--set", *(choice.set or ()))
    return File((str(Path(choice.manifest).absolute()), choice.cloud, *several, *(["--check"] if check else [])))


@contextmanager
def counting(memory: Memory, report: Reporter) -> Iterator[Counter]:
    """Count failures in a row; the third one says so, and those that are like it afterwards are only logged."""
    from build.aws.errors import explain
    from build.rebuild import attempts
    from build.rebuild.counter import Counter

    counter = Counter(memory)
    try:
        yield counter
    except Exception as exc:
        known = exc if isinstance(exc, HubsmithError) else explain(exc)
        words = str(known or exc)
        if why := counter.said_already(exc):
            report.note(f"{words}\n{why}")
            return
        if _failures(counter, exc, words, report) == attempts.LIMIT:
            raise _third_failure(known or HubsmithError(words), counter) from exc
        raise
    counter.ended()


def load(choice: Choice, counter: Counter) -> Manifest:
    """The manifest of a build; mistakes in it are counted where it can be."""
    try:
        return choice.load(building=True)
    except ManifestError as exc:
        _count_beside_the_image(exc, counter)
        raise


@contextmanager
def after_rebuild(choice: Choice, report: Reporter, *, scheduled: bool) -> Iterator[None]:
    """For what a schedule runs behind a rebuild: what stops both, and is said no more, is not said here either."""
    from build.aws.errors import explain
    from build.rebuild.counter import Counter

    try:
        yield
    except Exception as exc:
        counter = Counter(memory_of(choice, scheduled=scheduled))
        _count_beside_the_image(exc, counter)
        if not (why := counter.paused()):
            raise
        report.note(f"{explain(exc) or exc}\n{why}")


def _count_beside_the_image(exc: Exception, counter: Counter) -> None:
    """A runner keeps no files: what is wrong with a manifest is counted beside the image that it names all the same."""
    from botocore.exceptions import BotoCoreError, ClientError

    from build.aws.session import Cloud, connect
    from build.rebuild.memory import Parameter

    about = exc.about if isinstance(exc, ManifestError) else {}
    if is_runner() and about.get("cloud") == "aws" and "image" in about and counter.counts:
        with suppress(ClientError, BotoCoreError, HubsmithError):
            counter.go_on(Parameter(connect(Cloud("aws", about["region"])), about["image"]))


def is_runner() -> bool:
    """Whether this is a machine of a CI: it keeps its log and nothing else."""
    return bool(os.environ.get("CI"))


def _failures(counter: Counter, exc: Exception, words: str, report: Reporter) -> int:
    """One more; how many that makes."""
    from botocore.exceptions import BotoCoreError, ClientError

    from build.aws.errors import explain

    try:
        return counter.failed(exc, words).failures
    except (ClientError, BotoCoreError) as problem:
        report.warn(f"the failure could not be counted: {explain(problem)}")
        return 0


def _third_failure(error: HubsmithError, counter: Counter) -> HubsmithError:
    from build.rebuild import attempts
    from build.rebuild import due as rebuilder

    since = counter.before.since[:16]
    pause = rebuilder.in_words(attempts.PAUSE)
    again = f"a schedule tries again after {pause}, or when something has changed; `invoke rebuild` tries at once"
    third = HubsmithError(
        f"{error}\nthis is the {attempts.LIMIT}rd failure in a row, since {since} UTC", hint="\n".join(filter(None, [error.hint, again]))
    )
    third.exit_code = error.exit_code
    return third
