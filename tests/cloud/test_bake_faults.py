"""The bake on a bad day of EC2: it survives what passes, and ends cleanly where it cannot go on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from localcloud.faults import client
from tests.cloud.invoke_runner import InvokeRunner, eventually

pytestmark = [pytest.mark.vm, pytest.mark.turn]


@pytest.fixture(autouse=True)
def as_before(runner: InvokeRunner) -> Iterator[None]:
    """Faults end with the test, and nothing is left of it."""
    before = runner.listing()
    yield
    client.clear(runner.endpoint)
    assert eventually(lambda: runner.listing() == before), runner.listing()


def set_faults(runner: InvokeRunner, *faults: dict[str, Any]) -> None:
    client.add(runner.endpoint, faults)


def remove(runner: InvokeRunner, image_id: str) -> None:
    runner.client("ec2").deregister_image(ImageId=image_id, DeleteAssociatedSnapshots=True)


def test_throttling_a_lack_of_capacity_broken_connections_and_new_things_unseen_are_survived(
    runner: InvokeRunner,
) -> None:
    set_faults(
        runner,
        *(
            {"kind": "error", "call": call, "code": "RequestLimitExceeded", "times": 5}
            for call in ("RunInstances", "DescribeInstances")
        ),
        {"kind": "error", "call": "CreateSecurityGroup", "code": "ConnectionReset", "times": 1},
        {"kind": "error", "call": "CreateImage", "code": "AnswerLost", "times": 1},
        {
            "kind": "error",
            "call": "RunInstances",
            "code": "InsufficientInstanceCapacity",
            "where": {"InstanceType": "t3.nano"},
        },
        {"kind": "hide", "resource": "*", "seconds": 3},
    )
    done = runner.build("--set", "builder.instance_types=[t3.nano, t3.micro]")
    assert done.status == 0, done.err
    assert "no capacity for t3.nano in us-east-1a, trying t3.nano in us-east-1b" in done.err
    assert "no capacity for t3.nano in us-east-1f, trying t3.micro in us-east-1a" in done.err
    left = [fault["kind"] for fault in client.listed(runner.endpoint)["faults"]]
    assert left == ["error", "hide"]  # the lack of capacity is for ever; the rest has happened
    remove(runner, done.last)


@pytest.mark.parametrize("call", ["RunInstances", "CreateSecurityGroup"])
def test_a_missing_permission_ends_it_with_words_and_leaves_nothing(runner: InvokeRunner, call: str) -> None:
    set_faults(runner, {"kind": "error", "call": call, "code": "UnauthorizedOperation"})
    done = runner.build()
    assert (done.status, done.out) == (1, "")
    assert f"{call}: " in done.err.split("error:")[1]
    assert "docs/howto/aws.md lists the IAM policies" in done.err
    assert "Traceback" not in done.err


@pytest.mark.matrix
@pytest.mark.parametrize("call", ["StopInstances", "CreateImage", "CreateTags", "ec2:Describe*"])
def test_an_error_late_in_the_build_ends_it_and_leaves_nothing(runner: InvokeRunner, call: str) -> None:
    set_faults(runner, {"kind": "error", "call": call, "code": "UnauthorizedOperation", "times": 1})
    done = runner.build()
    assert (done.status, done.out) == (1, "")
    assert "Traceback" not in done.err


@pytest.mark.exhaustive
def test_it_works_at_the_pace_of_aws(runner: InvokeRunner) -> None:
    client.add_profile(runner.endpoint, "like-aws")
    done = runner.build()
    assert done.status == 0, done.err
    steps = {timing["step"]: timing["seconds"] for timing in runner.record(done.last)["seconds"]}
    assert steps["create the image"] >= 45
    assert steps["stop the builder"] >= 20
    remove(runner, done.last)


def test_cloud_faults_sets_lists_and_clears(runner: InvokeRunner) -> None:
    done = runner.invoke(
        "cloud.faults",
        "--error",
        "RunInstances=InternalError",
        "--times",
        "2",
        "--where",
        "InstanceType=t3.*",
    )
    assert done.status == 0, done.err
    assert "RunInstances" in done.out
    assert "2 times" in done.out
    assert runner.invoke("cloud.faults", "--profile", "like-aws", "--hide", "instance=3").status == 0
    listed = client.listed(runner.endpoint)["faults"]
    assert listed[0] == {
        "number": listed[0]["number"], "kind": "error", "call": "RunInstances", "code": "InternalError",
        "times": 2,
        "where": {"InstanceType": "t3.*"}, "left": 2,
    }  # fmt: skip
    assert listed[-1]["resource"] == "instance"
    wrong = runner.invoke("cloud.faults", "--state", "rebooted=3")
    assert (wrong.status, "unknown state change 'rebooted'" in wrong.err) == (2, True)
    assert runner.invoke("cloud.faults", "--kill", "i-0").status == 2
    assert runner.invoke("cloud.faults", "--clear", "all").status == 0
    assert client.listed(runner.endpoint) == {"faults": [], "frozen": []}


def test_cloud_status_shows_places_and_sizes(runner: InvokeRunner) -> None:
    shown = runner.invoke("cloud.status").out
    assert f"{runner.state}/cloud/layers" in shown
    assert "cache" in shown
    assert "MiB in" in shown or "GiB in" in shown
