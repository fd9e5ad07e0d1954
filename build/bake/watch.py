"""Watch the kernels of a build's machines: a panic or an oops ends the build, a stall is a warning."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from build.aws.console import EVERY_S
from build.bake import diagnostics
from build.bake.state import Bake, Instance
from build.errors import HubsmithError, RemoteError
from build.remote.shell import Shell


def check(state: Bake, instance: Instance, *, now: bool = False, error: Exception | None = None) -> None:
    """Raise RemoteError when the console shows a panic or an oops; ``error`` is what it led to, if any.

    Asks EC2 only now and then, unless it has to be ``now``. The console is kept in the run's folder.
    """
    fault = instance.kernel.check(state.report.warn, now=now)
    if fault is None:
        return
    kept = diagnostics.collect_console(state, instance)
    where = error.where if isinstance(error, HubsmithError) else None
    raise RemoteError(
        f"{instance.id}: {fault}", where=where, hint=f"its console is kept in {kept}"
    ) from error


@contextmanager
def watched(
    state: Bake, machines: Sequence[Instance], break_off: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """Watch ``machines`` during the block.

    Raises RemoteError for a panic or an oops, also in place of the error that the block ended with.

    ``break_off`` makes the block end, however it does: another thread calls it as soon as it sees the fault.
    """
    ended = threading.Event()
    threading.Thread(
        target=_look, args=(machines, break_off, ended), name="kernel watch", daemon=True
    ).start()
    try:
        yield
    except Exception as exc:
        _check_all(state, machines, exc)
        raise
    else:
        _check_all(state, machines)
    finally:
        ended.set()


@contextmanager
def shell(state: Bake, instance: Instance) -> Iterator[Shell]:
    """An ssh connection to a machine that is watched as long as it lasts.

    Raises RemoteError as ``Shell`` and ``watched`` do.
    """
    connection = Shell(instance.target)
    with watched(state, [instance], connection.close), connection:
        yield connection


def _check_all(state: Bake, machines: Sequence[Instance], error: Exception | None = None) -> None:
    for machine in machines:
        check(state, machine, now=True, error=error)


def _look(machines: Sequence[Instance], break_off: Callable[[], object], ended: threading.Event) -> None:
    while not ended.wait(EVERY_S):
        # Again and again: the first time there may have been nothing to break off yet.
        if any(machine.kernel.look() for machine in machines) and not ended.is_set():
            break_off()
