"""`invoke verify`: the image tests once more, against an image or a machine that runs."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from localcloud.server import control
from tests.cloud.ec2_client import Ec2Client, Key
from tests.cloud.invoke_runner import TINY, Build, Done, InvokeRunner

pytestmark = pytest.mark.vm


@pytest.fixture(scope="module")
def image(greeting: Build) -> str:
    return greeting.done.last


def verify(runner: InvokeRunner, *arguments: str) -> Done:
    return runner.invoke("verify", "--manifest", str(TINY), *arguments)


def test_an_image_is_tested_on_a_fresh_instance_that_is_gone_afterwards(
    runner: InvokeRunner, image: str
) -> None:
    before = runner.listing()
    done = verify(runner, "--ami", image, "--json")
    assert done.status == 0, done.err
    told = json.loads(done.out)
    assert [(test["stage"], test["failed"]) for test in told["tests"]] == [("candidate", 0), ("rebooted", 0)]
    cases = ET.parse(Path(told["folder"]) / "tests-candidate.xml").getroot().iter("testcase")
    assert len(list(cases)) == told["tests"][0]["passed"] + told["tests"][0]["skipped"] > 0
    assert runner.listing() == before


def test_a_machine_is_tested_as_its_operator_reaches_it(
    runner: InvokeRunner, image: str, key: Key, tmp_path: Path
) -> None:
    cloud = runner.state / "cloud"
    ec2_client = Ec2Client(control.ensure_up(cloud), cloud, key)
    known = tmp_path / "known_hosts"
    known.touch()
    with ec2_client.instance(ImageId=image) as instance:
        ec2_client.ssh(instance, "true")
        login = (
            "--host",
            instance["PublicIpAddress"],
            "--user",
            "root",
            "--operator-key",
            str(key.path),
            "--known-hosts",
            str(known),
        )
        stranger = verify(runner, *login)
        assert (
            stranger.status,
            "Host key verification failed" in stranger.err,
            "Traceback" in stranger.err,
        ) == (1, True, False)
        known.write_bytes(
            subprocess.run(
                ["ssh-keyscan", "-t", "ed25519", instance["PublicIpAddress"]], capture_output=True, check=True
            ).stdout
        )
        fine = verify(runner, *login)
        assert fine.status == 0, fine.err
        assert "2 passed" in fine.out
        ec2_client.ssh(instance, "echo changed > /etc/greeting/text")
        changed = verify(runner, *login)
        assert (changed.status, "test_the_greeting_is_in_place" in changed.err) == (1, True)


@pytest.mark.parametrize("arguments", [(), ("--ami", "ami-1", "--host", "h")])
def test_one_of_the_two_has_to_be_named(runner: InvokeRunner, arguments: tuple[str, ...]) -> None:
    done = verify(runner, *arguments)
    assert done.status == 2
    assert "--ami" in done.err


def test_an_image_that_is_not_there_is_the_users_mistake(runner: InvokeRunner) -> None:
    done = verify(runner, "--ami", "ami-00000000000000000")
    assert done.status == 2
    assert "there is no image ami-00000000000000000" in done.err
