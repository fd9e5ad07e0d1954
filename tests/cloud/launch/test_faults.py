"""A launch on a cloud that has a bad day: refusals are told, nothing is lost, the next completes it."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from localcloud.faults import client as faults
from tests.cloud.hubs import Site, everything
from tests.cloud.invoke_runner import InvokeRunner

pytestmark = [pytest.mark.vm, pytest.mark.turn]


@pytest.fixture
def site(runner: InvokeRunner, image: str) -> Iterator[Site]:
    there = everything(runner)
    yield (site := Site(runner, "fault.example.test"))
    faults.clear(runner.endpoint)
    site.destroy()
    assert everything(runner) == there


def error(call: str, code: str, times: int | None = None) -> dict[str, object]:
    return {"kind": "error", "call": call, "code": code, "times": times}


def test_a_refusal_is_told_and_the_next_launch_completes(site: Site) -> None:
    """One chain: each launch comes a call further than the one before."""
    told = {
        "AllocateAddress": ("AddressLimitExceeded", "quota of Elastic IPs is used up"),
        "CreateVolume": ("VolumeLimitExceeded", "CreateVolume"),
        "RunInstances": ("InsufficientInstanceCapacity", "RunInstances"),
        "ChangeResourceRecordSets": ("AccessDenied", "ChangeResourceRecordSets"),
    }
    for call, (code, words) in told.items():
        faults.add(site.runner.endpoint, [error(call, code)])
        if call == "CreateVolume":
            faults.add(site.runner.endpoint, [error("AllocateAddress", "AnswerLost", times=1)])
        done = site.launch()
        faults.clear(site.runner.endpoint)
        assert done.status == 1, done.err
        assert words in done.err.split("error:")[1]
        assert "Traceback" not in done.err
    done = site.launch()
    assert done.status == 0, done.err
    assert done.out.splitlines()[-1] == "https://fault.example.test"
    assert len(done.out.splitlines()) == 2, "the password is shown by the first launch that came to its end"
    assert len(site.instances()) == 1
    ours = [{"Name": "tag:hubsmith:hub", "Values": [site.domain]}]
    assert len(site.runner.client("ec2").describe_addresses(Filters=ours)["Addresses"]) == 1


def test_an_ec2_that_lists_new_things_late_is_waited_for(site: Site) -> None:
    late = [{"kind": "hide", "resource": kind, "seconds": 6.0} for kind in ("instance", "volume")]
    faults.add(site.runner.endpoint, late)
    running = site.start(*site.arguments())
    running.wait_for("launched i-")
    running.end(signal.SIGKILL)
    done = site.launched()
    assert len(site.instances()) == 1
    assert site.instances()[0]["InstanceId"] == done["instance_id"]


def test_the_record_is_waited_for_until_all_servers_know_it(site: Site) -> None:
    faults.add(site.runner.endpoint, [{"kind": "route53-pending"}])
    running = site.start(*site.arguments())
    running.wait_for("the change in example.test: PENDING")
    faults.clear(site.runner.endpoint)
    assert running.process.wait(timeout=180) == 0
    running.end(signal.SIGTERM)
