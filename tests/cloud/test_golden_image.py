"""The one real bake of the run: the shipped manifest, as a newcomer builds it."""

from __future__ import annotations

import hashlib
import shlex
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from test_image import IDENTITY

from localcloud.server import control
from tests.cloud.baking import Baking
from tests.cloud.ec2_client import Ec2Client, Key
from tests.cloud.invoke_runner import Done, InvokeRunner

pytestmark = [pytest.mark.vm, pytest.mark.bake]

# What the image tests call it: through the login page, a server started, code run in a kernel over its
# websocket.
LOGIN = ("test_a_wrong_password_is_refused", "test_without_a_login_there_is_nothing_to_see", "test_code_runs")


@pytest.fixture(scope="module")
def golden(baking: Baking) -> Done:
    done = baking.wait(timeout_s=3600)
    assert done.status == 0, done.err[-20_000:]
    return done


@pytest.fixture
def runner(baking: Baking) -> InvokeRunner:
    return baking.runner


def results(runner: InvokeRunner, run: str, stage: str) -> dict[str, str]:
    """{test: outcome} of one run of the image tests, from its JUnit file."""
    outcomes = {}
    for case in ET.parse(Path(runner.state) / "runs" / run / f"tests-{stage}.xml").getroot().iter("testcase"):
        kinds = {child.tag for child in case} & {"failure", "error", "skipped"}
        outcomes[str(case.get("name")).partition("[")[0]] = next(iter(kinds), "passed")
    return outcomes


def recorded(runner: InvokeRunner, run: str, name: str) -> str:
    """A property that an image test recorded on the fresh instance of the image."""
    junit = ET.parse(Path(runner.state) / "runs" / run / "tests-candidate.xml")
    return next(str(found.get("value")) for found in junit.iter("property") if found.get("name") == name)


def test_stdout_is_the_image_id_and_nothing_else(golden: Done) -> None:
    assert golden.out.strip() == golden.last
    assert golden.last.startswith("ami-")


@pytest.mark.parametrize("stage", ["candidate", "rebooted"])
def test_a_user_logged_in_and_computed_on_the_image(runner: InvokeRunner, golden: Done, stage: str) -> None:
    run = runner.record(golden.last)["run"]["id"]
    outcomes = results(runner, run, stage)
    assert {name: outcomes.get(name) for name in LOGIN} == dict.fromkeys(LOGIN, "passed")


def test_every_stage_ran_tests_and_none_failed(runner: InvokeRunner, golden: Done) -> None:
    tests = runner.record(golden.last)["tests"]
    assert [test["stage"] for test in tests] == ["builder", "candidate", "rebooted", "outside"]
    assert all(test["passed"] > 0 and test["failed"] == 0 for test in tests)


# Heavy ones once, on a fresh machine that nobody else works on.
HEAVY = (
    "test_a_hog_of_memory_is_ended_and_nobody_else",
    "test_a_fork_bomb_stays_within_its_server",
    "test_a_large_file_goes_up_and_comes_down",
)


def test_heavy_tests_ran_once(runner: InvokeRunner, golden: Done) -> None:
    run = runner.record(golden.last)["run"]["id"]
    outcomes = [
        {results(runner, run, stage).get(name) for name in HEAVY}
        for stage in ("builder", "candidate", "rebooted")
    ]
    assert outcomes == [{"skipped"}, {"passed"}, {"skipped"}]


# Of a launched hub, of other distributions, of a lock, of `make test-all`.
ELSEWHERE = (
    "for machines launched with a domain",
    "a venv has no conda",
    "built without a lock",
    "for thorough runs",
    "for machines that are not emulated",
    "the turn of another commit",
    "python.environments has none",
)


def test_every_image_test_passed_somewhere(runner: InvokeRunner, golden: Done) -> None:
    folder = Path(runner.state) / "runs" / runner.record(golden.last)["run"]["id"]
    passed: set[tuple[str, str]] = set()
    skipped: dict[tuple[str, str], str] = {}
    for file in folder.glob("tests-*.xml"):
        for case in ET.parse(file).getroot().iter("testcase"):
            name = (str(case.get("classname")), str(case.get("name")))
            why = case.find("skipped")
            if why is None:
                passed.add(name)
            else:
                skipped[name] = f"{skipped.get(name, '')} {why.get('message')}"
    left = {
        name: why
        for name, why in skipped.items()
        if name not in passed and not any(words in why for words in ELSEWHERE)
    }
    assert left == {}


def test_the_record_lists_what_is_installed(runner: InvokeRunner, golden: Done) -> None:
    packages = runner.record(golden.last)["packages"]
    assert packages["/opt/hub"]["jupyterhub"] == packages["/opt/anaconda"]["jupyterhub"]
    assert "jupyterlab" in packages["/opt/anaconda"]
    assert "systemd" in packages["dpkg"]


def test_an_environment_for_everybody_is_a_kernel_and_listed(runner: InvokeRunner, golden: Done) -> None:
    record = runner.record(golden.last)
    asked = {use["name"]: use["values"] for use in record["provisioners"]}["python"].get("environments")
    if not asked:
        pytest.skip("built without one (HUBSMITH_THOROUGH=1 has one)")
    run = record["run"]["id"]
    assert results(runner, run, "candidate")["test_a_cell_runs_in_each_and_changes_nothing"] == "passed"
    course, shared = record["packages"]["/opt/anaconda/envs/course"], record["packages"]["/opt/anaconda"]
    assert {"cowsay", "ipykernel", "pip"} <= set(course)
    assert "cowsay" not in shared
    # In the versions of the shared environment, so that most files are on the disk once.
    assert {name: shared[name] for name in course if name in shared}.items() <= course.items()


def test_nothing_temporary_is_left(baking: Baking, golden: Done) -> None:
    before, after = baking.before, baking.runner.listing()
    assert set(after.pop("images")) - set(before["images"]) == {golden.last}
    kept = baking.runner.client("ec2").describe_snapshots(
        Filters=[{"Name": "tag:hubsmith:state", "Values": ["layer"]}]
    )["Snapshots"]
    assert len(kept) == len(baking.runner.record(golden.last)["provisioners"])
    assert len(after.pop("snapshots")) == len(before["snapshots"]) + 1 + len(kept)
    assert after == {kind: ids for kind, ids in before.items() if kind in after}


def test_the_root_volume_of_the_image_is_encrypted(runner: InvokeRunner, golden: Done) -> None:
    image = runner.client("ec2").describe_images(ImageIds=[golden.last])["Images"][0]
    assert image["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] is True


# Those of IDENTITY in tests/image/test_image.py, once the machine has them, and the files that the image
# itself brought.
FILES = (
    "/etc/machine-id /etc/ssh/ssh_host_* /srv/jupyterhub/cookie_secret /srv/jupyterhub/*.env "
    "/srv/jupyterhub/*.token /etc/hubsmith/tls"
)
WAIT = "timeout 300 sh -c 'until systemctl is-active --quiet hubsmith-boot; do sleep 1; done'"
OF_THE_IMAGE = f"find {FILES} ! -newermt @$(awk '/^btime/ {{print $2 - 5}}' /proc/stat)"


def digests(secrets: list[str]) -> set[str]:
    return {hashlib.sha256(secret.encode()).hexdigest() for secret in secrets}


def test_two_machines_of_the_image_share_no_identity(runner: InvokeRunner, golden: Done, key: Key) -> None:
    """One is the machine that the image was tested on, the other one is launched as by hand: nothing is said
    to it but a key.
    """
    ec2_client = Ec2Client(control.ensure_up(runner.state / "cloud"), runner.state / "cloud", key)
    first = recorded(runner, runner.record(golden.last)["run"]["id"], "identity").split()
    group = ec2_client.open_group(22)
    launched = ec2_client.run(ImageId=golden.last, InstanceType="t3.medium", SecurityGroupIds=[group])
    try:
        running = ec2_client.wait_for(launched["InstanceId"], "running")

        def root(command: str) -> str:
            return ec2_client.ssh(running, f"sudo sh -c {shlex.quote(command)}", timeout_s=600, user="admin")

        second = digests(root(WAIT + IDENTITY).split())
        assert (len(set(first)) >= 8, len(second)) == (True, 10)
        assert second & set(first) == set()
        assert root(OF_THE_IMAGE) == ""
    finally:
        ec2_client.end(launched["InstanceId"])
        ec2_client.client("ec2").delete_security_group(GroupId=group)
