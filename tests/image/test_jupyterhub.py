"""The hub: what is installed, who gets in, what a user can do, and what not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from hub_client import HubClient, HubUser, LoginRefused
from kernel_client import Kernel
from networks import HUB_PORT, Settings
from testinfra.host import Host

HUB = "/opt/hub"
CONFIG = "/etc/jupyterhub/jupyterhub_config.py"
# GHSA-hx46-2cv3-mh6g is mended in 6.1.0 and 5.5.3; the releases after them mend what those broke.
FLOORS = {6: (6, 1, 1), 5: (5, 5, 4)}

WEB_TOOL = """
import http.server, threading
class Tool(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"a tool of one's own")
    def log_message(self, *told):
        pass
tool = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tool)
threading.Thread(target=tool.serve_forever, daemon=True).start()
"""

# Makes a database as this JupyterHub does, and lets the hub look at it, as its own and as a newer one's.
NEWER_DATABASE = """
import pathlib, sqlite3, sys, tempfile
sys.path[:0] = ["/usr/lib/hubsmith/lib", "/usr/lib/hubsmith/hub"]
from hubsmith_hub import schema
from jupyterhub import orm
schema.DATABASE = pathlib.Path(tempfile.mkdtemp(), "jupyterhub.sqlite")
orm.new_session_factory(f"sqlite:///{schema.DATABASE}")
schema.check()
print("its own is taken", flush=True)
with sqlite3.connect(schema.DATABASE) as connection:
    connection.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
schema.check()
"""


def version_of(root: Host, package: str, prefix: str) -> str:
    """By that environment's Python, as nobody: the users' one can be changed by some of them."""
    code = f"from importlib.metadata import version; print(version('{package}'))"
    return str(root.check_output(f"cd / && runuser --user nobody -- {prefix}/bin/python -I -c %s", code))


@pytest.mark.usefixtures("before_reboot")
class TestInstallation:
    def test_jupyterhub_has_no_known_hole(self, root: Host) -> None:
        version = tuple(int(part) for part in version_of(root, "jupyterhub", HUB).split("."))
        assert version >= FLOORS.get(version[0], (7,))

    def test_servers_are_of_the_hubs_version(self, root: Host) -> None:
        assert version_of(root, "jupyterhub", "/opt/anaconda") == version_of(root, "jupyterhub", HUB)

    def test_node_is_new_enough_for_the_proxy(self, host: Host) -> None:
        versions = host.check_output(
            f"{HUB}/bin/node --version && {HUB}/bin/node {HUB}/bin/configurable-http-proxy --version"
        )
        node, proxy = (tuple(map(int, re.findall(r"\d+", line))) for line in versions.splitlines())
        assert node >= (22, 12)
        assert (5, 0) < proxy < (6,)

    def test_only_root_may_change_it(self, root: Host) -> None:
        assert (
            root.check_output(f"find {HUB} ! -type l '(' ! -user root -o ! -group root -o -perm /6022 ')'")
            == ""
        )

    def test_no_file_is_shared_with_the_users_environment(self, root: Host) -> None:
        # Two names of one file: whoever may change the one changes the other.
        assert root.check_output(f"find {HUB} -type f -links +1") == ""

    @pytest.mark.usefixtures("on_builder", "in_turn")
    def test_packages_fit_together(self, host: Host) -> None:
        check = f"/opt/anaconda/bin/python -m pip --python {HUB}/bin/python check"
        assert host.check_output(check) == "No broken requirements found."

    def test_the_hub_starts_without_what_it_does_not_need(self, host: Host) -> None:
        assert host.check_output(f"find {HUB}/lib -name rfc3987_syntax") == ""

    def test_configuration_is_for_root_only(self, root: Host) -> None:
        modes = root.check_output(f"stat --format '%a %U:%G' {CONFIG} /etc/jupyterhub/conf.d")
        assert modes.splitlines() == ["600 root:root", "700 root:root"]

    @pytest.mark.usefixtures("on_builder")
    def test_configuration_loads(self, root: Host) -> None:
        # The secrets and the database are made at first boot.
        secrets = "CONFIGPROXY_AUTH_TOKEN=none JPY_COOKIE_SECRET=00"
        shown = root.run(
            f"{secrets} {HUB}/bin/jupyterhub --config {CONFIG} --show-config "
            "--JupyterHub.db_url=sqlite:///:memory:"
        )
        assert shown.rc == 0, shown.stderr
        assert "SystemdSpawner" in shown.stdout
        assert "Traceback" not in shown.stderr

    @pytest.mark.usefixtures("on_builder", "exclusive", "in_turn")
    def test_a_mistake_in_conf_d_is_named_with_its_line(self, root: Host) -> None:
        broken, problem = "/etc/jupyterhub/conf.d/zz-broken.py", "/run/hubsmith/conf.d-problem.json"
        root.check_output(f"printf 'c.Spawner.args = []\\n1 / 0\\n' > {broken}")
        try:
            shown = root.run(f"{HUB}/bin/jupyterhub --config {CONFIG} --show-config")
            told = json.loads(root.check_output(f"cat {problem}"))
        finally:
            root.check_output(f"rm --force {broken} {problem}")
        assert (shown.rc, told["file"], told["line"]) == (78, broken, 2)
        assert f"{broken}, line 2: ZeroDivisionError" in shown.stderr

    @pytest.mark.usefixtures("on_builder", "exclusive")
    @pytest.mark.usefixtures("not_emulated")
    def test_a_database_of_a_newer_jupyterhub_is_named(self, root: Host) -> None:
        """https://github.com/jupyterhub/jupyterhub/issues/4044"""
        try:
            shown = root.run(f"{HUB}/bin/python -c %s", NEWER_DATABASE)
        finally:
            root.check_output("rm --force /run/hubsmith/conf.d-problem.json")
        assert (shown.rc, "its own is taken" in shown.stdout) == (78, True), shown.stderr
        assert "jupyterhub.sqlite: is of a newer JupyterHub" in shown.stderr
        assert "ffffffffffff" in shown.stderr


@pytest.mark.usefixtures("booted")
class TestLogin:
    def test_a_wrong_password_is_refused(self, hub: Callable[[], HubClient], hub_user: HubUser) -> None:
        with pytest.raises(LoginRefused, match="Invalid username or password"):
            hub().login(HubUser(hub_user.name, hub_user.password + "x"))

    def test_an_unknown_user_is_refused(self, hub: Callable[[], HubClient]) -> None:
        with pytest.raises(LoginRefused, match="Invalid username or password"):
            hub().login(HubUser("nobody-of-this-name", "secret"))

    def test_without_a_login_there_is_nothing_to_see(
        self, hub: Callable[[], HubClient], hub_user: HubUser
    ) -> None:
        session = hub()
        assert session.get("/hub/api/users").status_code == 403
        assert "/hub/login" in session.get(f"/user/{hub_user.name}/lab").url


@pytest.mark.usefixtures("booted")
def test_who_stops_servers_that_nobody_uses_sees_them_and_may(
    root: Host, notebook: HubClient, settings: Settings
) -> None:
    if "jupyterhub_idle_culler" not in root.file(CONFIG).content_string:
        pytest.skip("hub.idle_timeout_minutes is null")
    culler = root.check_output("pgrep --full '[m] jupyterhub_idle_culler --timeout='")
    ask = (
        f"token=$(tr '\\0' '\\n' < /proc/{culler}/environ | sed --quiet s/^JUPYTERHUB_API_TOKEN=//p);"
        ' curl --silent --header "Authorization: token $token" '
        f"http://{settings.host}:{HUB_PORT}/hub/api/users"
    )
    ready = {user["name"]: user["servers"] for user in json.loads(root.check_output(f"{ask}?state=ready"))}
    assert {"last_activity", "started", "ready"} <= set(ready[notebook.user][""])
    # One that is not there: that it says so, and not that it may not be asked.
    refused = json.loads(root.check_output(f"{ask}/{notebook.user}/servers/none --request DELETE"))
    assert (
        "has no server named" in refused["message"] or "Named servers are not enabled" in refused["message"]
    )


@pytest.mark.usefixtures("booted")
class TestNotebook:
    def test_code_runs(self, kernel: Kernel) -> None:
        assert kernel.run("6*7") == "42"

    def test_it_runs_as_the_user_at_home(self, kernel: Kernel, hub_user: HubUser) -> None:
        assert (
            kernel.run("import getpass, os; print(getpass.getuser(), os.getcwd())")
            == f"{hub_user.name} /home/{hub_user.name}"
        )

    def test_it_runs_in_the_users_environment(self, kernel: Kernel) -> None:
        assert kernel.run("import sys; print(sys.prefix)") == "/opt/anaconda"
        assert kernel.run("import shutil; print(shutil.which('python'))") == "/opt/anaconda/bin/python"

    def test_a_web_tool_of_ones_own_is_below_the_server(
        self, notebook: HubClient, kernel: Kernel, hub: Callable[[], HubClient]
    ) -> None:
        kernel.run(WEB_TOOL)
        try:
            path = f"{notebook.base()}proxy/{kernel.run('print(tool.server_port)')}/"
            assert notebook.get(path).text == "a tool of one's own"
            assert "/hub/login" in hub().get(path).url
        finally:
            kernel.run("tool.shutdown()")

    def test_settings_go_to_the_users_home(self, kernel: Kernel, hub_user: HubUser) -> None:
        first = "from jupyter_core.paths import jupyter_config_path; print(jupyter_config_path()[0])"
        assert kernel.run(first) == f"/home/{hub_user.name}/.jupyter"

    def test_names_are_resolved(self, kernel: Kernel) -> None:
        assert kernel.run("import socket; print(socket.gethostbyname('localhost'))") == "127.0.0.1"

    def test_its_settings_reach_the_user(self, kernel: Kernel) -> None:
        assert kernel.run("import os; print(os.environ['JUPYTER_PREFER_ENV_PATH'])") == "0"

    def test_programs_are_found_where_users_expect_them(self, kernel: Kernel) -> None:
        assert (
            kernel.run("import os; print(os.environ['PATH'])")
            == "/opt/anaconda/bin:/usr/local/bin:/usr/bin:/bin"
        )

    def test_its_shell_is_bash(self, kernel: Kernel) -> None:
        assert kernel.run("import os; print(os.environ['SHELL'])") == "/bin/bash"

    def test_nobody_is_asked_about_news(self, notebook: HubClient) -> None:
        # JupyterLab asks each new user, in a box over their first notebook, and has updates to offer which
        # they cannot install.
        told = notebook.get(
            f"{notebook.base()}lab/api/settings/@jupyterlab/apputils-extension:notification"
        ).json()
        defaults = {
            name: told["schema"]["properties"][name]["default"] for name in ("fetchNews", "checkForUpdates")
        }
        assert defaults == {"fetchNews": "false", "checkForUpdates": False}
