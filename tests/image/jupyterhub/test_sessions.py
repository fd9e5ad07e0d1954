"""What a user holds (cookies, tokens, servers) ends when the account is removed or gets a new password: at
once, and for certain.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator

import pytest
import requests
from hub_client import HubClient, HubUser, LoginRefused
from kernel_client import Kernel
from testinfra.host import Host

pytestmark = pytest.mark.usefixtures("booted", "heavy", "without_domain")

USERS = "/usr/lib/hubsmith/users"
DEAF = (
    "import subprocess; print(subprocess.Popen(['sh', '-c', 'trap : TERM HUP INT; while :; do sleep 1; "
    "done'], start_new_session=True).pid)"
)


class Member:
    """One of the hub's users, logged in, with a token of their own."""

    def __init__(self, hub_user: HubUser, hub: Callable[[], HubClient]) -> None:
        self.hub_user, self.hub = hub_user, hub
        self.session = self.log_in()
        self.token = self.new_token()

    def new_token(self) -> str:
        """An access token, as the page /hub/token gives one out."""
        answer = self.session.hub_api("POST", f"users/{self.hub_user.name}/tokens", json={})
        answer.raise_for_status()
        return str(answer.json()["token"])

    def log_in(self) -> HubClient:
        """In another browser."""
        session = self.hub()
        session.login(self.hub_user)
        return session

    def status(self, method: str, path: str) -> int:
        """How the API answers to the token alone."""
        headers = {"Authorization": f"token {self.token}"}
        return (
            self.hub()
            .session.request(method, f"{self.session.url}/hub/api/{path}", headers=headers, timeout=60)
            .status_code
        )

    def is_out(self) -> bool:
        """Neither cookie nor token counts."""
        page = self.session.get("/hub/home")
        start = self.status("POST", f"users/{self.hub_user.name}/server")
        return "/hub/login" in page.url and self.status("GET", "user") == start == requests.codes.forbidden

    def starts_deaf_server(self, root: Host) -> str:
        """A named server, and in it a process that ignores SIGTERM; its /proc."""
        self.session.start_server("lab")
        return f"/proc/{Kernel.start(self.session, server='lab').__enter__().run(DEAF)}"


@pytest.fixture
def join(host: Host, hub: Callable[[], HubClient], admin: HubClient) -> Iterator[Callable[[], Member]]:
    """A function that adds one of the hub's users; they are gone at the end."""
    names: list[str] = []

    def add() -> Member:
        names.append(f"member-{secrets.token_hex(3)}")
        with host.sudo():
            return Member(HubUser(*host.check_output(f"{USERS} add {names[-1]}").split("\t")), hub)

    yield add
    for name in names:
        admin.hub_api("DELETE", f"users/{name}")
        with host.sudo():
            host.run_test("userdel --force --remove %s", name)


@pytest.fixture
def member(join: Callable[[], Member]) -> Member:
    return join()


def until(holds: Callable[[], bool]) -> None:
    """Wait for it, for a minute at most."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(1)


def state_of(root: Host, name: str) -> str:
    rows = json.loads(root.check_output(f"{USERS} list --json"))
    return next(str(row["state"]) for row in rows if row["name"] == name)


@pytest.mark.usefixtures("in_turn")
def test_who_is_removed_on_the_machine_is_out(root: Host, member: Member) -> None:
    root.check_output(f"{USERS} remove {member.hub_user.name}")
    assert member.is_out()
    assert state_of(root, member.hub_user.name) == "closed"


@pytest.mark.usefixtures("exclusive", "in_turn")
def test_what_happens_while_the_hub_is_down_is_done_before_it_lets_anybody_in(
    root: Host, join: Callable[[], Member]
) -> None:
    """https://github.com/jupyterhub/zero-to-jupyterhub-k8s/issues/1029"""
    forgetful, leaver = join(), join()
    root.check_output("systemctl stop jupyterhub")
    try:
        told = (
            root.run(f"{USERS} reset {forgetful.hub_user.name}"),
            root.run(f"{USERS} remove {leaver.hub_user.name}"),
        )
    finally:
        root.check_output("systemctl start jupyterhub")
    assert [(done.rc, "the hub is down" in done.stderr) for done in told] == [(0, True), (0, True)]
    leaver.hub().wait_until_up()
    assert leaver.is_out()
    assert state_of(root, leaver.hub_user.name) == "closed"
    assert forgetful.is_out()
    Member(HubUser(*told[0].stdout.strip().split("\t")), forgetful.hub)


@pytest.mark.usefixtures("thorough", "exclusive")
def test_a_hub_that_hangs_is_started_again_and_no_removal_is_done_before(root: Host, member: Member) -> None:
    hung = root.check_output("systemctl show --property MainPID --value jupyterhub")
    root.check_output(f"kill -STOP {hung}")
    root.check_output(f"{USERS} remove {member.hub_user.name}")
    assert not root.file(f"/proc/{hung}").exists
    assert member.is_out()


@pytest.mark.usefixtures("thorough")
def test_a_reset_ends_all_that_was_open(root: Host, member: Member) -> None:
    deaf = member.starts_deaf_server(root)
    given = root.check_output(f"{USERS} reset {member.hub_user.name}")
    assert not root.file(deaf).exists
    assert member.is_out()
    with pytest.raises(LoginRefused):
        member.log_in()
    assert Member(HubUser(*given.split("\t")), member.hub).status("GET", "user") == requests.codes.ok


@pytest.mark.usefixtures("in_turn")
def test_a_change_of_ones_own_ends_the_others_and_a_removal_on_the_admin_page_everything(
    member: Member, admin: HubClient, root: Host
) -> None:
    """Of one member, because a server takes a while to start.

    https://github.com/jupyterhub/jupyterhub/issues/647
    """
    other = member.log_in()
    member.session.start_server("lab")
    server = f"{member.session.base('lab')}lab"
    assert other.get(server).url.endswith(server)
    with Kernel.start(member.session, server="lab") as kernel:
        kernel.run("kept = 41")
        changed = member.session.submit(
            "/hub/password", old=member.hub_user.password, new="a new one 42", again="a new one 42"
        )
        assert changed.ok, changed.text
        assert "/hub/login" in other.get("/hub/home").url
        until(lambda: "/hub/login" in other.get(server).url)  # the server asks the hub every ten seconds
        assert member.status("GET", "user") == requests.codes.forbidden
        assert "/hub/login" not in member.session.get("/hub/home").url
        assert kernel.run("kept + 1") == "42"
        # The server's own token still counts: without it nobody could be told to it.
        ask = "import os, urllib.request as r; u = r.Request(os.environ['JUPYTERHUB_API_URL'] + '/user'); "
        ask += (
            "u.add_header('Authorization', 'token ' + os.environ['JUPYTERHUB_API_TOKEN']); "
            "print(r.urlopen(u).status)"
        )
        assert kernel.run(ask) == "200"
        assert member.session.server_api("GET", "status", "lab").ok
        deaf = f"/proc/{kernel.run(DEAF)}"
    member.token = member.new_token()
    assert member.status("GET", "user") == requests.codes.ok
    assert admin.hub_api("DELETE", f"users/{member.hub_user.name}").status_code == 204
    assert not root.file(deaf).exists
    assert member.is_out()
    assert state_of(root, member.hub_user.name) == "closed"
