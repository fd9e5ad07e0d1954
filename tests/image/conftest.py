"""What image tests can ask for: the machine as root, the stage of the build, a Unix user, a running notebook.

- ``host``: testinfra's, the machine as its login user; ``root``: the same with sudo
- ``booted``, ``on_builder``: skip the test unless the machine was launched from the image, or is the one it
  is built on
- ``launched``, ``without_domain``: skip the test unless it was launched with a domain (``launched`` is its
  launch data), or without one
- ``before_reboot``: skip the test on the rebooted machine, as a reboot changes nothing of what it looks at
- ``heavy``: skip the test unless the machine is a fresh one that nobody else works on, as once is enough
- ``thorough``: the same, and only where HUBSMITH_THOROUGH is set, as `make test-all` does: floods, hangs,
  long ways round
- ``not_emulated``: skip the test on an emulated machine, where it would take minutes (a server's start takes
  two), but for runs with HUBSMITH_THOROUGH; builds on EC2 and with KVM have it always
- ``in_turn``: on an emulated machine one commit in four has the test where HUBSMITH_TURN names the commit, as
  `make test` does on a slow host; all other builds have it always
- ``exclusive``: keep other tests from the machine meanwhile (exclusive.py: two run at once)
- ``hub_user``: a Unix user with a password, gone at the end
- ``hub``: a function that opens a browser session with the hub (hub_client.py)
- ``notebook``: such a session with ``hub_user`` logged in and their server running
- ``kernel``: a kernel in that server (kernel_client.py); ``prober``: the same, with the functions of
  networks.PROBES
- ``neighbour``: another ordinary user with a running server, one for all tests (unix_users.py)
- ``settings``: the network that the image gives to users' servers (networks.py)
- ``admin``: a session of somebody who administers the hub

HUBSMITH_STAGE (builder, candidate, rebooted; running is a machine in use) and HUBSMITH_HUB_URL come from the
build.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import testinfra
from testinfra.host import Host

# pytest's importlib mode does not, and test files share hub_client
sys.path.insert(0, str(Path(__file__).parent))

import turns
from exclusive import (  # noqa: F401 - pytest finds them here
    pytest_collection_modifyitems,
    pytest_runtest_logreport,
    pytest_runtest_protocol,
)
from hub_client import HubClient, HubUser, trusting
from kernel_client import Kernel
from networks import PROBES, Settings, read_settings
from unix_users import Neighbour, unix_user

SERVED = "/etc/hubsmith/tls/fullchain.pem"
LAUNCH_DATA = "/etc/hubsmith/launch.json"


@pytest.fixture(scope="session")
def stage() -> str:
    return os.environ.get("HUBSMITH_STAGE", "candidate")


# The widest scope, so that they skip before a fixture of a narrower one asks for what is not there.
@pytest.fixture(scope="session")
def booted(stage: str) -> None:
    if stage == "builder":
        pytest.skip("for machines launched from the image")


@pytest.fixture(scope="session")
def on_builder(stage: str) -> None:
    if stage != "builder":
        pytest.skip("for the machine the image is built on")


@pytest.fixture(scope="session")
def before_reboot(stage: str) -> None:
    if stage == "rebooted":
        pytest.skip("what a reboot does not change")


@pytest.fixture(scope="session")
def launch_data(machine: Host) -> dict[str, Any] | None:
    file = machine.file(LAUNCH_DATA)
    return json.loads(file.content_string) if file.exists else None


@pytest.fixture(scope="session")
def launched(booted: None, launch_data: dict[str, Any] | None) -> dict[str, Any]:
    if launch_data is None:
        pytest.skip("for machines launched with a domain (invoke launch)")
    return launch_data


@pytest.fixture(scope="session")
def without_domain(booted: None, launch_data: dict[str, Any] | None) -> None:
    if launch_data is not None:
        pytest.skip("for machines without a domain")


@pytest.fixture(scope="session")
def heavy(stage: str) -> None:
    if stage != "candidate":
        pytest.skip("once is enough")


@pytest.fixture(scope="session")
def thorough(heavy: None) -> None:
    if not os.environ.get("HUBSMITH_THOROUGH"):
        pytest.skip("for thorough runs (HUBSMITH_THOROUGH=1)")


@pytest.fixture(scope="session")
def emulated(machine: Host) -> bool:
    return "TCG" in machine.file("/proc/cpuinfo").content_string  # the model's name


@pytest.fixture(scope="session")
def not_emulated(emulated: bool) -> None:
    if emulated and not os.environ.get("HUBSMITH_THOROUGH"):
        pytest.skip("for machines that are not emulated, and thorough runs (HUBSMITH_THOROUGH=1)")


@pytest.fixture
def in_turn(request: pytest.FixtureRequest, emulated: bool) -> None:
    if emulated and turns.is_left_out(request.node.name, request.node.path):
        pytest.skip("the turn of another commit (HUBSMITH_TURN)")


@pytest.fixture(scope="session")
def exclusive() -> None:
    """Nothing to make: asking for it is what counts."""


@pytest.fixture
def root(host: Host) -> Iterator[Host]:
    with host.sudo():
        yield host


@pytest.fixture(scope="session")
def machine(request: pytest.FixtureRequest) -> Host:
    """testinfra's own fixture ends with each test file; a user and a server are for all of them."""
    return testinfra.get_host(request.config.option.hosts, ssh_config=request.config.option.ssh_config)


@pytest.fixture(scope="session")
def hub_user(machine: Host) -> Iterator[HubUser]:
    with unix_user(machine) as one:
        yield one


@pytest.fixture(scope="session")
def hub(machine: Host, launch_data: dict[str, Any] | None) -> Iterator[Callable[[], HubClient]]:
    with machine.sudo():
        context = trusting(machine.file(SERVED).content_string)
    sessions: list[HubClient] = []
    url = os.environ["HUBSMITH_HUB_URL"]

    def open_session() -> HubClient:
        sessions.append(HubClient(url, context))
        sessions[-1].wait_until_up()
        return sessions[-1]

    with pytest.MonkeyPatch.context() as patch:
        if launch_data and launch_data.get("subdomains"):
            # Such a hub is used by its names only, which may be unknown to DNS here, as on the local cloud.
            lead(patch, launch_data["domain"], str(urlsplit(url).hostname))
            url = f"https://{launch_data['domain']}"
        yield open_session
    for session in sessions:
        session.session.close()


def lead(patch: pytest.MonkeyPatch, domain: str, address: str) -> None:
    """Let a domain and all below it be at an address."""
    real = socket.getaddrinfo

    def resolve(host: Any, *rest: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host)
        return real(address if f".{name}".endswith(f".{domain}") else host, *rest, **more)

    patch.setattr(socket, "getaddrinfo", resolve)


@pytest.fixture(scope="session")
def admin(machine: Host, hub: Callable[[], HubClient]) -> Iterator[HubClient]:
    """A session of a member of the group hubadmins."""
    with unix_user(machine, "hubadmins") as one:
        session = hub()
        session.login(one)
        yield session


@pytest.fixture(scope="session")
def notebook(hub: Callable[[], HubClient], hub_user: HubUser) -> Iterator[HubClient]:
    session = hub()
    session.login(hub_user)
    session.start_server()
    yield session
    session.stop_server()


@pytest.fixture(scope="session")
def kernel(notebook: HubClient) -> Iterator[Kernel]:
    with Kernel.start(notebook) as running:
        yield running


@pytest.fixture(scope="session")
def neighbour(machine: Host, hub: Callable[[], HubClient]) -> Iterator[Neighbour]:
    """With a name that needs escaping in addresses and units, as an address of e-mail does."""
    with unix_user(machine, domain="@example.org") as one:
        yield Neighbour(one, hub)


@pytest.fixture(scope="session")
def settings(machine: Host) -> Settings:
    return read_settings(machine)


@pytest.fixture(scope="session")
def prober(kernel: Kernel) -> Kernel:
    kernel.run(PROBES)
    return kernel
