"""Accounts and passwords, from the admin page to the first login; named servers; an escaped name."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator

import pytest
from hub_client import HubClient, HubUser, LoginRefused
from testinfra.host import Host
from unix_users import unix_user

pytestmark = pytest.mark.usefixtures("booted")

# A first password as hubsmith-boot gives it to the administrator: NAME PASSWORD HOURS. Prints what becomes of
# it.
FIRST_PASSWORD = """
import sys
sys.path.insert(0, "/usr/lib/hubsmith/hub")
from hubsmith_hub import first_password
if len(sys.argv) > 2:
    first_password.give(sys.argv[1], sys.argv[2], float(sys.argv[3]))
print(first_password.state_of(sys.argv[1]))
"""


def password_on(page: str) -> str:
    """The new password that an administrator is shown."""
    found = re.search(r'id="new-password">([^<]+)<', page)
    assert found
    return found[1]


@pytest.fixture(scope="module")
def newcomer(host: Host, without_domain: None, before_reboot: None, admin: HubClient) -> Iterator[HubUser]:
    """Added on the admin page, with the password an administrator gave out; its name needs escaping in
    addresses and units.

    Not on a hub with a data volume, whose registry would remember the name for ever.
    """
    name = f"ada.{secrets.token_hex(3)}@example.org"
    admin.hub_api("POST", "users", json={"usernames": [name], "admin": False}).raise_for_status()
    page = admin.submit("/hub/passwords", name=name)
    yield HubUser(name, password_on(page.text))
    admin.hub_api("DELETE", f"users/{name}")
    with host.sudo():
        host.run_test("userdel --force --remove -- %s", name)


def test_members_of_hubadmins_see_the_admin_page(admin: HubClient) -> None:
    assert admin.get("/hub/admin").status_code == 200
    assert (
        "Users&#39; passwords" in admin.get("/hub/home").text
        or "Users' passwords" in admin.get("/hub/home").text
    )


def test_administrators_of_the_hub_are_nobody_on_the_machine(root: Host, admin: HubClient) -> None:
    assert root.run("runuser --user %s -- sudo -n true", admin.user).rc != 0


@pytest.mark.usefixtures("before_reboot")
def test_others_see_neither(notebook: HubClient) -> None:
    assert notebook.get("/hub/admin").status_code == 403
    assert notebook.get("/hub/passwords").status_code == 403


@pytest.mark.usefixtures("before_reboot")
def test_the_new_account_is_private_and_above_the_images_own(root: Host, newcomer: HubUser) -> None:
    uid, mode = root.check_output("stat --format '%%u %%a' /home/%s", newcomer.name).split()
    assert int(uid) >= 2000
    assert mode == "700"


@pytest.mark.usefixtures("before_reboot")
def test_the_password_is_shown_once(admin: HubClient, newcomer: HubUser) -> None:
    assert newcomer.password not in admin.get("/hub/passwords").text


@pytest.mark.usefixtures("before_reboot")
def test_privileged_accounts_get_no_password_here(admin: HubClient, host: Host) -> None:
    assert admin.submit("/hub/passwords", name=host.user().name).status_code == 404
    assert admin.submit("/hub/passwords", name="root").status_code == 404


@pytest.mark.usefixtures("heavy")
def test_a_newcomer_sets_a_password_at_the_first_login(
    hub: Callable[[], HubClient], newcomer: HubUser
) -> None:
    session = hub()
    session.login(newcomer)
    assert (
        session.submit("/hub/password", old="wrong", new="a new one 42", again="a new one 42").status_code
        == 400
    )
    assert session.submit("/hub/password", old=newcomer.password, new="a new one 42", again="a new one 42").ok
    with pytest.raises(LoginRefused):
        hub().login(newcomer)
    hub().login(HubUser(newcomer.name, "a new one 42"))


@pytest.mark.usefixtures("heavy", "without_domain")
class TestFirstPassword:
    """Of the administrator on a launched machine; here of somebody made for it."""

    FILE = "/srv/jupyterhub/first-password.json"
    PYTHON = "/usr/bin/python3 -I -c %s"

    @pytest.fixture
    def somebody(self, root: Host) -> Iterator[HubUser]:
        with unix_user(root) as one:
            yield one
        root.run_test("rm --force %s", self.FILE)

    @pytest.mark.usefixtures("in_turn")
    def test_it_has_to_be_changed_before_anything_else(
        self, root: Host, hub: Callable[[], HubClient], somebody: HubUser
    ) -> None:
        name, password = somebody.name, somebody.password
        assert root.check_output(f"{self.PYTHON} %s %s 1", FIRST_PASSWORD, name, password) == "waiting"
        session = hub()
        session.login(somebody)
        assert root.check_output(f"{self.PYTHON} %s", FIRST_PASSWORD, name) == "used"
        for page in ("/hub/home", "/hub/token", f"/hub/spawn/{name}", f"/user/{name}/lab"):
            assert session.get(page).url.endswith("/hub/password"), page
        assert "This is your first login" in session.get("/hub/home").text
        assert session.hub_api("POST", f"users/{name}/server", json={}).status_code == 403
        assert session.hub_api("POST", f"users/{name}/tokens", json={}).status_code == 403
        assert session.submit("/hub/password", old=password, new="a new one 42", again="a new one 42").ok
        assert session.get("/hub/home").url.endswith("/hub/home")
        assert root.check_output(f"{self.PYTHON} %s", FIRST_PASSWORD, name) == "changed"

    def test_when_its_time_has_passed_it_lets_nobody_in(
        self, root: Host, hub: Callable[[], HubClient], somebody: HubUser
    ) -> None:
        given = (FIRST_PASSWORD, somebody.name, somebody.password)
        assert root.check_output(f"{self.PYTHON} %s %s 0", *given) == "expired"
        with pytest.raises(LoginRefused):
            hub().login(somebody)
        root.run_test("/usr/lib/hubsmith/first-password")
        assert root.check_output("passwd --status %s", somebody.name).split()[1] == "L"


@pytest.mark.usefixtures("heavy", "without_domain")
def test_who_is_deleted_loses_the_way_in_and_keeps_the_files(
    admin: HubClient, hub: Callable[[], HubClient], root: Host
) -> None:
    name = f"leaver-{secrets.token_hex(3)}"
    admin.hub_api("POST", "users", json={"usernames": [name], "admin": False}).raise_for_status()
    try:
        page = admin.submit("/hub/passwords", name=name)
        leaver = HubUser(name, password_on(page.text))
        hub().login(leaver)
        admin.hub_api("DELETE", f"users/{name}").raise_for_status()
        with pytest.raises(LoginRefused):
            hub().login(leaver)
        assert root.file(f"/home/{name}").is_directory
    finally:
        root.run_test("userdel --force --remove %s", name)


@pytest.mark.usefixtures("heavy", "without_domain")
class TestOnTheMachine:
    """/usr/lib/hubsmith/users: the same accounts, for who is root there."""

    USERS = "/usr/lib/hubsmith/users"

    @pytest.mark.usefixtures("in_turn")
    def test_from_the_first_password_to_the_last_login(
        self, root: Host, hub: Callable[[], HubClient], admin: HubClient
    ) -> None:
        name = f"grace-{secrets.token_hex(3)}"
        try:
            given = root.check_output(f"echo {name} | {self.USERS} add -")
            first = HubUser(*given.split("\t"))
            hub().login(first)
            uid = root.user(name).uid
            assert root.check_output(f"{self.USERS} add {name}") == ""  # is there, and keeps the password
            second = HubUser(
                name, json.loads(root.check_output(f"{self.USERS} reset {name} --json"))[0]["password"]
            )
            with pytest.raises(LoginRefused):
                hub().login(first)
            session = hub()
            session.login(second)
            root.run_test(f"{self.USERS} remove {name}")
            assert session.get("/hub/home").url.endswith("login?next=%2Fhub%2Fhome")  # logged out, too
            with pytest.raises(LoginRefused):
                hub().login(second)
            again = HubUser(*root.check_output(f"{self.USERS} add {name}").split("\t"))
            assert root.user(name).uid == uid
            hub().login(again)
            listed = {row["name"]: row for row in json.loads(root.check_output(f"{self.USERS} list --json"))}
            assert listed[name] == {
                "name": name,
                "uid": uid,
                "state": "open",
                "password": True,
                "admin": False,
                "disk": None,  # a machine without a data volume limits nobody
            }
        finally:
            admin.hub_api("DELETE", f"users/{name}")
            root.run_test("userdel --force --remove %s", name)

    @pytest.mark.parametrize(
        "verb",
        ["add root", "add 'Ada L'", "add a:b", "reset nobody-of-this-name", "remove root", "remove -- -x"],
    )
    def test_what_cannot_be_is_refused_in_words(self, root: Host, verb: str) -> None:
        done = root.run(f"{self.USERS} {verb}")
        assert (done.rc, done.stdout) == (2, "")
        assert done.stderr.startswith("users: ")
