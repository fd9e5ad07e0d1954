"""The work queue: one thread at a time for each key, and no work lost."""

from __future__ import annotations

import threading

from localcloud.ec2.work_queue import KeyedQueue


def test_a_key_enqueued_while_it_is_worked_on_runs_again_and_never_twice_at_once() -> None:
    queue, gate, begun = KeyedQueue(), threading.Event(), threading.Event()
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

    queue.enqueue("i-1", work)
    begun.wait(10)
    for _ in range(5):
        queue.enqueue("i-1", work)
    gate.set()
    assert queue.wait_idle(10)
    assert (most, runs) == (1, 2)


def wait_for(gate: threading.Event) -> None:
    gate.wait(10)


def test_keys_do_not_wait_for_each_other() -> None:
    queue, gate, done = KeyedQueue(), threading.Event(), threading.Event()
    queue.enqueue("slow", lambda: wait_for(gate))
    queue.enqueue("quick", done.set)
    assert done.wait(10)
    assert queue.busy("slow")
    gate.set()
    assert queue.wait_idle(10)


def test_work_that_fails_does_not_end_the_key() -> None:
    queue, done = KeyedQueue(), threading.Event()

    def fail() -> None:
        raise ValueError("expected by the test")

    queue.enqueue("i-1", fail)
    assert queue.wait_idle(10)
    queue.enqueue("i-1", done.set)
    assert done.wait(10)


def test_a_closed_queue_takes_nothing() -> None:
    queue, done = KeyedQueue(), threading.Event()
    queue.close()
    queue.enqueue("i-1", done.set)
    assert not done.wait(0.2)
