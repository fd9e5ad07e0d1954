"""What a machine whose tests have failed had to say, kept before it is gone: journal and serial console."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError

from build.aws import instances
from build.bake.state import Bake, Instance
from build.errors import RemoteError
from build.remote.shell import Shell

_LINES = 20_000
_JOURNAL = f"journalctl --boot --no-pager --output=short-precise --lines={_LINES}"


def collect(state: Bake, machines: Sequence[Instance], stage: str) -> str:
    """Write ``journal-STAGE.txt`` and ``console-STAGE.txt`` into the run's folder; the name of the first.

    Of several machines each has its number in the names: ``journal-STAGE-1.txt``; what is returned has a
    ``*`` there.
    """
    for number, instance in enumerate(machines, start=1):
        name = f"{stage}-{number}.txt" if len(machines) > 1 else f"{stage}.txt"
        (state.run.folder / f"console-{name}").write_text(_console(state, instance) + "\n", encoding="utf-8")
        (state.run.folder / f"journal-{name}").write_text(_journal(instance) + "\n", encoding="utf-8")
    return f"journal-{stage}-*.txt" if len(machines) > 1 else f"journal-{stage}.txt"


def collect_console(state: Bake, instance: Instance) -> Path:
    """Write the console of a machine whose kernel failed into the run's folder; returns the file."""
    file = state.run.folder / f"console-{instance.id}.txt"
    file.write_text(_console(state, instance) + "\n", encoding="utf-8")
    return file


def _console(state: Bake, instance: Instance) -> str:
    try:
        return instances.console_tail(state.clients.ec2, instance.id, lines=_LINES)
    except BotoCoreError as exc:
        return f"(EC2 could not be asked: {exc})"


def _journal(instance: Instance) -> str:
    try:
        with Shell(instance.target) as shell:
            return shell.run(_JOURNAL, root=True, timeout_s=120, check=False).output
    except RemoteError as exc:
        return f"(the machine could not be asked: {exc})"
