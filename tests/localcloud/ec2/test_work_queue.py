"""Workers: one thread at a time for each thing, and no wake lost."""

from __future__ import annotations

import threading

from localcloud.ec2.work_queue import KeyedQueue


def test_a_key_woken_while_it_is_worked_on_runs_again_and_never_twice_at_once() -> None:
    workers, gate, begun = KeyedQueue(), threading.Event(), threading.Event()
    running, most, runs = 0, 0, 0
    counting = threading.Lock()

    def work() -> None:
        nonlocal running, most, runs
        with counting:
            running, runs = running + 1, runs + 1
            most = max(most, running)
        begun.set()
        gate.wait(10)
        with counting:
            running -= 1

    workers.wake("i-1", work)
    begun.wait(10)
    for _ in range(5):
        workers.wake("i-1", work)
    gate.set()
    assert workers.wait_idle(10)
    assert (most, runs) == (1, 2)


def wait_for(gate: threading.Event) -> None:
    gate.wait(10)


def test_keys_do_not_wait_for_each_other() -> None:
    workers, gate, done = KeyedQueue(), threading.Event(), threading.Event()
    workers.wake("slow", lambda: wait_for(gate))
    workers.wake("quick", done.set)
    assert done.wait(10)
    assert workers.busy("slow")
    gate.set()
    assert workers.wait_idle(10)


def test_work_that_fails_does_not_end_the_key() -> None:
    workers, done = KeyedQueue(), threading.Event()

    def fail() -> None:
        raise ValueError("expected by the test")

    workers.wake("i-1", fail)
    assert workers.wait_idle(10)
    workers.wake("i-1", done.set)
    assert done.wait(10)


def test_closed_workers_take_nothing() -> None:
    workers, done = KeyedQueue(), threading.Event()
    workers.close()
    workers.wake("i-1", done.set)
    assert not done.wait(0.2)
