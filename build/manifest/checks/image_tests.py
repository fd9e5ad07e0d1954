"""Rules of `tests`: arguments with which pytest would run nothing, or would not start."""

from __future__ import annotations

import re
from collections.abc import Iterator

from build.manifest.schema import ManifestFile
from build.manifest.yaml.nodes import KeyPath

RUN_NOTHING = frozenset(
    (
        *("--co", "--collect-only", "--collectonly", "--setup-plan", "--setupplan", "--setup-only"),
        *("--setuponly", "--fixtures", "--funcargs", "--fixtures-per-test", "--markers", "--cache-show"),
        *("-h", "--help", "-V", "--version"),
    )
)
"""Options with which pytest ends well without a test: an image would be published untested."""
_PROCESSES = re.compile(r"(?:-n|--numprocesses)=?(\d+)")


def problems(settings: ManifestFile) -> Iterator[tuple[KeyPath, str]]:
    """Everything wrong with tests.pytest_args that is seen without pytest."""
    for index, argument in enumerate(settings.tests.pytest_args):
        at: KeyPath = ("tests", "pytest_args", index)
        option = argument.partition("=")[0]
        if option in RUN_NOTHING:
            yield at, f"{argument} runs no test: an image would be published untested"
        elif re.match(r"--\S+\s", option):
            yield at, f"{argument!r} is two arguments: write {'='.join(argument.split(maxsplit=1))}"
    yield from _processes(settings)


def _processes(settings: ManifestFile) -> Iterator[tuple[KeyPath, str]]:
    """A machine without a process of its own would have nothing to do."""
    said = [found for each in settings.tests.pytest_args if (found := _PROCESSES.fullmatch(each))]
    fewest = min((int(found[1]) for found in said), default=settings.tests.machines)
    if fewest < settings.tests.machines:
        yield (
            ("tests", "machines"),
            f"is {settings.tests.machines}, and tests.pytest_args has {said[0][0]}: at least one process for "
            "each machine",
        )
