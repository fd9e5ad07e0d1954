"""Builds and launches by the dozen, each on a bad day of its own, in roles with the documented policies.

The days are drawn from HUBSMITH_CLOUD_SEED, which a failure prints. Some commands lose their credentials on
the way: they end with exit code 1. What they left is removed by `sweep` (builds) or taken over by the same
launch once more.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest

from localcloud.faults import client as faults
from tests.cloud.bad_days import drawn
from tests.cloud.hubs import everything
from tests.cloud.invoke_runner import TINY, Done, eventually
from tests.cloud.role_runner import Account, RoleRunner

pytestmark = [pytest.mark.vm, pytest.mark.exhaustive]

BUILDS, LAUNCHES = 20, 10
EXPIRING = 4
"""One in so many commands loses its credentials."""
MANIFEST = ["--manifest", str(TINY), "--cloud", "aws", "--set", "image.name=jupyterhub"]
MANIFEST += ["--set", "publish.ssm_parameter=/hubsmith/{image}/latest"]
STEPS = {
    "build-ami": (
        "launch the builder",
        "provision",
        "create the image",
        "boot a fresh instance",
        "reboot it",
    ),
    "launch": (
        "find or make the security group",
        "find or make the instance's role",
        "attach the data volume",
    ),
}
"""Those after which a command has calls to make."""
DOMAIN = "soak.example.test"
HUB = ["--domain", DOMAIN, "--admin", "alice", "--email", "ops@university.edu"]
SMALL = ["--instance-type", "t3.nano", "--set", "launch.data_volume.size_gib=1", "--no-wait"]


@pytest.fixture
def random(request: pytest.FixtureRequest) -> Random:
    """Of this test, so that it can be run alone."""
    return Random(f"{os.environ['HUBSMITH_CLOUD_SEED']} {request.node.name}")


@pytest.fixture
def builder(account: Account) -> Iterator[RoleRunner]:
    with account.role("builder", "build") as runner:
        yield runner


@pytest.fixture
def launcher(account: Account) -> Iterator[RoleRunner]:
    with account.role("launcher", "build", "launch") as runner:
        yield runner


@pytest.fixture(scope="module")
def image(account: Account) -> str:
    """What is launched; built on a good day."""
    with account.role("builder", "build") as runner:
        done = runner.invoke("build-ami", *MANIFEST)
    assert done.status == 0, done.err
    return done.last


@contextmanager
def bad_day(account: Account, random: Random) -> Iterator[list[str]]:
    """Faults for the block; what they are is shown where it fails."""
    chosen = drawn(random)
    faults.add(account.owner.endpoint, chosen)
    try:
        yield [str(each) for each in chosen]
    finally:
        faults.clear(account.owner.endpoint)


def loses_credentials(account: Account, runner: RoleRunner, random: Random, *command: str) -> Done:
    """Start the command, and let its session expire at one of its steps."""
    running = runner.start(*command)
    running.wait_for(f"» {random.choice(STEPS[command[0]])}")
    faults.expire(account.owner.endpoint, runner.role)
    status = running.process.wait(timeout=600)
    running.end(signal.SIGKILL)  # it has ended: this reads what it said
    done = Done(status, running.out, "\n".join(running.lines))
    assert "Traceback" not in done.err
    assert (done.status, "log in again" in done.err) == (1, True), done.err
    return done


@pytest.mark.parametrize("number", range(BUILDS))
def test_a_build(account: Account, builder: RoleRunner, random: Random, number: int) -> None:
    before = account.owner.listing()
    made = ""
    with bad_day(account, random) as day:
        if random.randrange(EXPIRING):
            done = builder.invoke("build-ami", *MANIFEST)
            assert done.status == 0, (day, done.err)
            made = done.last
        else:
            loses_credentials(account, builder, random, "build-ami", *MANIFEST)
            swept = account.renewed(builder).invoke("sweep", *MANIFEST)
            assert swept.status == 0, (day, swept.err)
    if made:
        account.owner.client("ec2").deregister_image(ImageId=made, DeleteAssociatedSnapshots=True)
    assert eventually(lambda: account.owner.listing() == before), (day, account.owner.listing())


@pytest.mark.parametrize("number", range(LAUNCHES))
def test_a_launch(
    account: Account, launcher: RoleRunner, random: Random, image: str, boundary: str, number: int
) -> None:
    before = everything(account.owner)
    launch = ["launch", *MANIFEST, *HUB, *SMALL, "--set", f"launch.permissions_boundary={boundary}"]
    with bad_day(account, random) as day:
        if not random.randrange(EXPIRING):
            loses_credentials(account, launcher, random, *launch)
            launcher = account.renewed(launcher)
        done = launcher.invoke(*launch)
        assert done.status == 0, (day, done.err)
        assert done.last == f"https://{DOMAIN}"
        gone = launcher.invoke("destroy", *MANIFEST, "--domain", DOMAIN, "--yes", "--with-data")
        assert gone.status == 0, (day, gone.err)
    assert eventually(lambda: everything(account.owner) == before), (day, everything(account.owner))
