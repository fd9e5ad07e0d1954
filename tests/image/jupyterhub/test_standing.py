"""Who may have a server: open accounts of the hub's users, whoever asks; and starting one is safe."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest
from hub_client import HubClient, HubUser, LoginRefused
from testinfra.host import Host
from unix_users import Neighbour, unit_of, unix_user

pytestmark = pytest.mark.usefixtures("booted", "before_reboot")


@pytest.fixture
def bystander(machine: Host, hub: Callable[[], HubClient]) -> Iterator[HubClient]:
    """Somebody who is logged in and has no server."""
    with unix_user(machine) as one:
        session = hub()
        session.login(one)
        yield session


def start(session: HubClient, user: str) -> int:
    """Ask for the user's server; the status of the answer."""
    return session.hub_api("POST", f"users/{user}/server", json={}).status_code


@pytest.mark.parametrize("who", ["root", "anaconda", "daemon", "the login user"])
def test_accounts_of_the_machine_are_no_users(admin: HubClient, root: Host, host: Host, who: str) -> None:
    """https://github.com/jupyterhub/the-littlest-jupyterhub/issues/177"""
    name = root.check_output("id --user --name 1000") if who == "the login user" else who
    added = admin.hub_api("POST", "users", json={"usernames": [name], "admin": False})
    assert added.status_code == 400
    assert "account of the machine" in added.json()["message"]
    assert start(admin, name) == 404
    assert (
        root.check_output(f"systemctl show --property InvocationID --value jupyter-{name}-singleuser") == ""
    )


def test_an_account_that_somebody_made_by_hand_does_not_log_in(
    hub: Callable[[], HubClient], root: Host
) -> None:
    hub_user = HubUser(f"byhand-{secrets.token_hex(3)}", secrets.token_urlsafe(16))
    root.check_output(
        f"useradd --key UID_MIN=1000 --key UID_MAX=1499 {hub_user.name} && echo %s | chpasswd",
        f"{hub_user.name}:{hub_user.password}",
    )
    try:
        with pytest.raises(LoginRefused, match="Invalid username or password"):
            hub().login(hub_user)
    finally:
        root.check_output(f"userdel {hub_user.name}")


def test_who_became_privileged_gets_no_server(admin: HubClient, bystander: HubClient, root: Host) -> None:
    root.check_output(f"gpasswd --add {bystander.user} sudo")
    assert start(admin, bystander.user) == 403


def test_who_is_locked_by_hand_gets_no_server_and_no_login(
    admin: HubClient, bystander: HubClient, hub: Callable[[], HubClient], root: Host
) -> None:
    root.check_output(f"usermod --expiredate 1 {bystander.user}")
    assert start(admin, bystander.user) == 403
    assert start(bystander, bystander.user) == 403
    password = secrets.token_urlsafe(16)
    root.check_output("echo %s | chpasswd", f"{bystander.user}:{password}")
    with pytest.raises(LoginRefused):
        hub().login(HubUser(bystander.user, password))


@pytest.mark.usefixtures("heavy")
@pytest.mark.usefixtures("not_emulated")
def test_an_expired_password_lets_nobody_in_until_a_reset(
    machine: Host, hub: Callable[[], HubClient], root: Host
) -> None:
    """https://github.com/jupyterhub/pamela/issues/27"""
    with unix_user(machine) as one:
        root.check_output("passwd --expire %s", one.name)
        with pytest.raises(LoginRefused):
            hub().login(one)
        given = root.check_output("/usr/lib/hubsmith/users reset %s", one.name)
        hub().login(HubUser(*given.split("\t")))


def test_nobody_is_renamed(admin: HubClient, bystander: HubClient) -> None:
    """https://github.com/jupyterhub/zero-to-jupyterhub-k8s/issues/3426"""
    answer = admin.hub_api("PATCH", f"users/{bystander.user}", json={"name": "root"})
    assert answer.status_code == 400
    assert "cannot be renamed" in answer.json()["message"]
    assert admin.hub_api("GET", f"users/{bystander.user}").ok


DEAF = """
import os, subprocess
deaf = "trap '' TERM; echo $$ > ~/deaf; sleep 600 & wait; wait"
subprocess.Popen(["sh", "-c", deaf], start_new_session=True)
print(os.access("FOLDER", os.W_OK))
"""


@pytest.mark.usefixtures("heavy", "in_turn")
def test_a_start_follows_no_link_and_waits_for_the_old_unit(neighbour: Neighbour, root: Host) -> None:
    """A link where SystemdSpawner itself writes the environment, while a process that ignores SIGTERM holds
    up the old unit.

    The folder is closed to the user, so root puts the link there. A FIFO in its place would stop the hub for
    ever.
    """
    one, session, unit = neighbour.hub_user, neighbour.session, unit_of(neighbour.hub_user)
    name = unit.removesuffix(".service")
    assert neighbour.kernel.run(DEAF.replace("FOLDER", f"/run/{name}")) == "False"
    link = f"/run/{name}/{name}.env"
    root.check_output(f"ln --symbolic --force /srv/jupyterhub/hubsmith-probe {link}")
    root.check_output(f"chown --no-dereference {one.name} {link}")
    root.check_output(f"timeout 30 sh -c 'until [ -s /home/{one.name}/deaf ]; do sleep 0.2; done'")
    deaf = root.check_output(f"cat /home/{one.name}/deaf")
    root.check_output(f"pkill --signal KILL --oldest --uid {one.name} --full jupyterhub-singleuser")
    root.check_output(f"timeout 60 sh -c 'while systemctl is-active --quiet {unit}; do sleep 0.2; done'")
    neighbour.kernel_has_ended()
    session.hub_api("DELETE", f"users/{one.name}/server").raise_for_status()  # it takes notice
    session.start_server()
    assert not root.file("/srv/jupyterhub/hubsmith-probe").exists
    assert not root.file(f"/proc/{deaf}").exists, "the old unit was not gone when the new one started"
    assert session.get("/hub/health").ok
