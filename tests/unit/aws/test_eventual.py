"""What was made a moment ago is waited for, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from build.aws import eventual
from build.errors import CloudError


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": f"about {code}"}}, "Example")


def answering(*answers: Any) -> Callable[[], Any]:
    """A call that gives these answers in turn, and the last one from then on."""
    left = list(answers)

    def call() -> Any:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return call


@pytest.mark.parametrize("code", ["InvalidVolume.NotFound", "InvalidAMIID.NotFound", "NoSuchEntity"])
def test_a_thing_that_aws_does_not_know_is_not_there_yet(code: str) -> None:
    assert eventual.found(answering(error(code))) is None
    assert eventual.listed(answering(error(code), [], ["it"]), what="it") == "it"


def test_an_empty_answer_is_not_there_yet() -> None:
    assert eventual.found(answering([])) is None
    assert eventual.found(answering(["it"])) == "it"


def test_another_error_is_raised_at_once() -> None:
    for look in (eventual.found, lambda call: eventual.listed(call, what="it")):
        with pytest.raises(ClientError, match="UnauthorizedOperation"):
            look(answering(error("UnauthorizedOperation"), ["it"]))
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        eventual.retried(answering(error("UnauthorizedOperation"), "done"), what="it")


def test_what_does_not_appear_is_an_error_that_names_it() -> None:
    with pytest.raises(CloudError, match="vol-1 took longer than 0 s; last seen: not there yet"):
        eventual.listed(answering([]), what="vol-1", timeout_s=0.1)


def test_a_call_is_made_again_until_the_new_thing_is_known() -> None:
    told: list[str] = []
    call = answering(error("InvalidGroup.NotFound"), "done")
    assert eventual.retried(call, what="sg-1", on_wait=told.append) == "done"
    assert told == ["sg-1: the security group is not there yet (InvalidGroup.NotFound)"]


def test_a_call_whose_answer_is_nothing_is_made_once() -> None:
    assert eventual.retried(answering(None, error("InvalidGroup.NotFound")), what="sg-1") is None


def test_with_codes_only_they_mean_not_yet() -> None:
    call = answering(error("NotYet"), "done")
    assert eventual.retried(call, what="it", codes=["NotYet"]) == "done"
    with pytest.raises(ClientError, match=r"InvalidSubnetID\.NotFound"):
        eventual.retried(answering(error("InvalidSubnetID.NotFound"), "done"), what="it", codes=["NotYet"])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds; to sleep is to let them pass."""
    now = [1000.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(eventual, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    monkeypatch.setattr(eventual, "_newest", eventual._Newest())
    return now


def test_where_nothing_was_made_lists_have_everything(clock: list[float]) -> None:
    eventual.settle()
    assert clock == [1000.0]


def test_lists_are_given_time_for_what_was_made_last(clock: list[float]) -> None:
    told: list[str] = []
    with eventual.creating():
        clock[0] += 2
    clock[0] += 1
    eventual.settle(told.append)
    assert clock == [1002.0 + eventual.SETTLED_S]
    assert told == ["what was made a moment ago: listed in 5 s"]
    eventual.settle(told.append)
    assert len(told) == 1


def test_what_was_interrupted_may_have_been_made(clock: list[float]) -> None:
    with suppress(KeyboardInterrupt), eventual.creating():
        clock[0] += 2
        raise KeyboardInterrupt
    eventual.settle()
    assert clock == [1002.0 + eventual.SETTLED_S]


def test_giving_up_says_what_aws_said() -> None:
    with pytest.raises(ClientError, match=r"about InvalidGroup\.NotFound"):
        eventual.retried(answering(error("InvalidGroup.NotFound")), what="sg-1", timeout_s=0.1)
