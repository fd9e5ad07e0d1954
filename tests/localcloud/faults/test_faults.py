"""Which calls a fault means, how often it happens, how long it holds a state or hides a resource."""

from __future__ import annotations

from typing import Any

import pytest

from build.errors import UserError
from localcloud.faults.fault import Call, Fault
from localcloud.faults.profiles import PROFILES, profile
from localcloud.faults.registry import Faults, Verdict

RUN = Call("ec2", "RunInstances", (("InstanceType", "t3.nano"), ("ImageId", "ami-1")))
LOOK = Call("ec2", "DescribeImages", (("ImageId.1", "ami-1"),))


class Clock:
    """Time that passes when the test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def faults(clock: Clock) -> Faults:
    return Faults(clock)


def fault(**said: Any) -> Fault:
    return Fault.read(said)


def test_an_error_happens_as_often_as_it_is_asked_for(faults: Faults) -> None:
    faults.set(fault(kind="error", call="RunInstances", code="InternalError", times=2))
    assert [faults.meet(call).code for call in (RUN, LOOK, RUN, RUN)] == [
        "InternalError",
        "",
        "InternalError",
        "",
    ]
    assert faults.listed() == []


def test_without_a_number_it_happens_until_it_is_cleared(faults: Faults) -> None:
    faults.set(fault(kind="error", call="ec2:Describe*", code="Unavailable"))
    assert {faults.meet(LOOK).code for _ in range(20)} == {"Unavailable"}
    assert faults.meet(RUN).code == ""
    assert faults.meet(Call("ssm", "DescribeParameters")).code == ""
    (number, _, left) = faults.listed()[0]
    assert left is None
    assert not faults.clear(number + 1)
    assert faults.clear(number)
    assert faults.meet(LOOK).code == ""


@pytest.mark.parametrize(
    ("where", "meant"),
    [
        ({"InstanceType": "t3.nano"}, True),
        ({"InstanceType": "t3.*", "ImageId": "ami-1"}, True),
        ({"InstanceType": "t3.large"}, False),
        ({"InstanceType": "t3.nano", "KeyName": "*"}, False),
        ({"*": "ami-1"}, True),
    ],
)
def test_only_calls_with_such_parameters_are_meant(
    faults: Faults, where: dict[str, str], meant: bool
) -> None:
    faults.set(fault(kind="error", call="RunInstances", code="Busy", where=where))
    assert bool(faults.meet(RUN).code) is meant


def test_delays_add_up_and_two_errors_are_two_calls(faults: Faults) -> None:
    faults.set(*(fault(kind="delay", call="*", seconds=seconds) for seconds in (1, 2)))
    faults.set(*(fault(kind="error", call="*", code=code, times=1) for code in ("First", "Second")))
    assert [faults.meet(RUN) for _ in range(3)] == [Verdict(3, "First"), Verdict(3, "Second"), Verdict(3, "")]


def test_a_state_change_is_held_for_its_time(faults: Faults, clock: Clock) -> None:
    faults.set(fault(kind="state", change="image", seconds=40))
    faults.begin("image", "ami-1")
    faults.begin("snapshot", "snap-1")
    clock.now += 10
    assert faults.is_held("image", "ami-1")
    assert faults.share("image", "ami-1") == 0.25
    assert not faults.is_held("snapshot", "snap-1")
    clock.now += 30
    assert not faults.is_held("image", "ami-1")
    assert faults.share("image", "ami-1") == 1


def test_a_copy_takes_longer_the_more_there_is_to_copy(faults: Faults, clock: Clock) -> None:
    faults.set(fault(kind="state", change="snapshot", seconds=30, seconds_per_gib=20))
    faults.begin("snapshot", "snap-1", 0.5)
    faults.begin("snapshot", "snap-2", 2)
    clock.now += 40
    assert [faults.is_held("snapshot", found) for found in ("snap-1", "snap-2")] == [False, True]
    clock.now += 30
    assert not faults.is_held("snapshot", "snap-2")


def test_what_was_there_before_is_not_held_and_clearing_lets_go(faults: Faults) -> None:
    faults.begin("running", "i-1")
    faults.set(fault(kind="state", change="running", seconds=40))
    assert not faults.is_held("running", "i-1")
    faults.begin("running", "i-1")
    faults.clear()
    assert not faults.is_held("running", "i-1")


def test_new_resources_are_hidden_for_a_while(faults: Faults, clock: Clock) -> None:
    faults.consistency.answer("DescribeInstances")
    faults.note_new({"i-0"})
    faults.set(fault(kind="hide", resource="instance", seconds=3))
    faults.note_new({"i-1", "vol-1"})
    assert [faults.is_hidden(found) for found in ("i-0", "i-1", "vol-1")] == [False, True, False]
    clock.now += 3
    assert not faults.is_hidden("i-1")


def test_route53_stays_pending_for_seconds_or_until_cleared(faults: Faults, clock: Clock) -> None:
    faults.set(fault(kind="route53-pending", seconds=5))
    assert faults.route53_pending
    clock.now += 5
    assert not faults.route53_pending
    faults.set(fault(kind="route53-pending"))
    clock.now += 5000
    assert faults.route53_pending


def test_who_listens_hears_of_each_change(faults: Faults) -> None:
    heard: list[bool] = []
    faults.on_change.append(lambda known: heard.append(known.acme_refuses))
    faults.set(fault(kind="acme-refuse"))
    faults.clear()
    assert heard == [True, False]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("text", "a fault is an object"),
        ({"kind": "fire"}, "unknown kind of fault 'fire'"),
        ({"kind": "error", "call": "RunInstances"}, "needs code"),
        ({"kind": "delay", "seconds": 1}, "needs call"),
        ({"kind": "hide", "resource": "instance", "seconds": 1, "times": 2}, "has no times"),
        ({"kind": "hide", "resource": "bucket", "seconds": 1}, "unknown resource 'bucket'"),
        ({"kind": "state", "change": "rebooted", "seconds": 1}, "unknown state change 'rebooted'"),
        ({"kind": "state", "change": "image", "seconds": "soon"}, "seconds is a number"),
        (
            {"kind": "state", "change": "snapshot", "seconds": 1, "seconds_per_gib": "many"},
            "seconds_per_gib is a number",
        ),
        (
            {"kind": "state", "change": "image", "seconds": 1, "seconds_per_gib": 2},
            "only snapshots have seconds_per_gib",
        ),
        ({"kind": "delay", "call": "*", "seconds": -1}, "seconds is a number"),
        ({"kind": "error", "call": "*", "code": "X", "times": 0}, "times is a number"),
        ({"kind": "error", "call": "*", "code": "X", "where": {"a": 1}}, "where is an object of texts"),
        ({"kind": "error", "call": 5, "code": "X"}, "call is a text"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_words(said: object, words: str) -> None:
    with pytest.raises(UserError, match=words):
        Fault.read(said)


def test_profiles_are_made_of_faults_that_make_sense() -> None:
    for faults in PROFILES.values():
        assert [Fault.read(each.shown()) for each in faults] == list(faults)
    times = {each.change: each.seconds for each in profile("like-aws")}
    assert (times["running"], times["stopped"], times["image"], times["terminated"]) == (12, 20, 20, 20)
    with pytest.raises(UserError) as caught:
        profile("like-azure")
    assert "like-aws" in str(caught.value.hint)
