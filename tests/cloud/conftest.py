"""A local cloud for the tests: a daemon with its own state folder, gone afterwards with all it started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from localcloud import base_image
from localcloud.server import control
from localcloud.server.settings import CONSISTENCY_VARIABLE, OFF
from tests import xdist_groups
from tests.cloud.baking import Baking
from tests.cloud.ec2_client import Ec2Client, Key
from tests.cloud.invoke_runner import Build, InvokeRunner
from tests.cloud.project import Project
from tests.cloud.role_runner import Account
from tests.unit.docs.policies import IAM


@pytest.fixture(scope="session")
def tiny() -> base_image.BaseImage:
    """The tiny base image, built if the cache has none."""
    return base_image.ensure("tiny", progress=print)


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    return Key.make(tmp_path_factory.mktemp("key") / "id_ed25519")


@pytest.fixture(scope="session")
def cloud(
    tmp_path_factory: pytest.TempPathFactory, tiny: base_image.BaseImage, key: Key
) -> Iterator[Ec2Client]:
    """One cloud for the tests of EC2's semantics; each of them leaves it as it was."""
    with open_cloud(tmp_path_factory.mktemp("cloud") / "cloud", key) as ec2_client:
        yield ec2_client


@pytest.fixture
def fresh_cloud(tmp_path: Path, tiny: base_image.BaseImage, key: Key) -> Iterator[Ec2Client]:
    """A cloud of one test's own, for those that kill or reset it."""
    with open_cloud(tmp_path / "cloud", key) as ec2_client:
        yield ec2_client


@pytest.fixture(scope="session")
def runner(tmp_path_factory: pytest.TempPathFactory, tiny: base_image.BaseImage) -> Iterator[InvokeRunner]:
    """A user's machine with a cloud of its own, for the tests of whole tasks."""
    state = tmp_path_factory.mktemp("runner")
    endpoint = control.ensure_up(state / "cloud", port=0)
    yield InvokeRunner(state, endpoint.url)
    control.reset(state / "cloud")
    assert processes_of(state) == []


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory, tiny: base_image.BaseImage) -> Iterator[Account]:
    """An account in a cloud of the file's own: faults and the record of calls are for all of a cloud."""
    state = tmp_path_factory.mktemp("account")
    endpoint = control.ensure_up(state / "cloud", port=0)
    yield Account(InvokeRunner(state, endpoint.url), endpoint)
    control.reset(state / "cloud")


@pytest.fixture(scope="module")
def boundary(account: Account) -> str:
    """As docs/howto/aws.md creates it."""
    text = (IAM / "hub-boundary.json").read_text(encoding="utf-8")
    made = account.owner.client("iam").create_policy(PolicyName="hubsmith-hub", PolicyDocument=text)
    return str(made["Policy"]["Arn"])


@pytest.fixture(scope="session")
def greeting(runner: InvokeRunner) -> Build:
    """The tiny image, built once for all who want one to look at or to launch."""
    return Build.of(runner)


@pytest.fixture(scope="session")
def layered(tmp_path_factory: pytest.TempPathFactory, runner: InvokeRunner) -> Project:
    """A project of two provisioners whose builds keep layers."""
    project = Project.copy(tmp_path_factory.mktemp("layered") / "project", runner, "renewed", "layered")
    (project.folder / "provisioners/greeting/files/etc/greeting/spare").write_text("spare\n")
    return project


@pytest.fixture(scope="session")
def cold(layered: Project) -> str:
    """Its first image: a rebuild made it, because there was none, and there was no layer to start from."""
    checked = layered.invoke("rebuild", "--check")
    assert (checked.status, checked.out) == (3, "")
    assert "due: there is no published image renewed yet" in checked.err
    done = layered.invoke("rebuild")
    assert done.status == 0, done.err
    return done.last


@pytest.fixture(scope="session")
def baking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Baking]:
    """The bake of the shipped manifest."""
    if earlier := os.environ.get("HUBSMITH_GOLDEN_STATE"):
        yield Baking.earlier(Path(earlier))
        return
    state = tmp_path_factory.mktemp("golden")
    running = Baking.begin(state)
    try:
        yield running
    finally:
        running.end()
        control.reset(state / "cloud")
        assert processes_of(state) == []


@pytest.fixture(scope="session", autouse=True)
def begun_early(request: pytest.FixtureRequest) -> None:
    """In a run of one process the bake begins before the first test and is waited for by the last ones."""
    if not xdist_groups.is_shared(request.config) and any(
        xdist_groups.needs_the_bake(item) for item in request.session.items
    ):
        request.getfixturevalue("baking")


class open_cloud:  # used as a function
    """A cloud from here to the end of the block; at the end no process of it may be left.

    Every call knows at once what is new, also after a restart: the tests are of what calls do.
    """

    def __init__(self, folder: Path, key: Key) -> None:
        self.folder, self.key = folder, key

    def __enter__(self) -> Ec2Client:
        with patch.dict(os.environ, {CONSISTENCY_VARIABLE: OFF}):
            return Ec2Client(control.ensure_up(self.folder, port=0), self.folder, self.key)

    def __exit__(self, *_: object) -> None:
        control.reset(self.folder)
        assert processes_of(self.folder) == []


def processes_of(folder: Path) -> list[str]:
    """Command lines of all processes that name the folder or its machines' sockets: QEMU, socat, servers."""
    from localcloud.ec2.host import runtime_folder

    names = (str(folder), str(runtime_folder(folder)))
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if any(name in line for name in names) and int(process.name) != os.getpid():
            found.append(line)
    return found


@pytest.fixture(scope="session")
def ec2(cloud: Ec2Client) -> Any:
    return cloud.client("ec2")
