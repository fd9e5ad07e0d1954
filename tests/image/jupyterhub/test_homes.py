"""A home keeps its owner out by nothing that is in it, and work that prints nothing is not lost."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from hub_client import HubClient
from kernel_client import Kernel, in_a_terminal
from testinfra.host import Host
from unix_users import unix_user

pytestmark = pytest.mark.usefixtures("booted", "heavy")

HOSTILE = """
set -e
cd ~
mkdir -p .jupyter "$(/opt/anaconda/bin/python -c 'import site; print(site.getusersitepackages())')/tornado"
echo 'raise ImportError("an old tornado")' \
    > "$(/opt/anaconda/bin/python -c 'import site; print(site.getusersitepackages())')/tornado/__init__.py"
echo 'c.ServerApp.(' > .jupyter/jupyter_server_config.py
echo '{' > .jupyter/jupyter_server_config.json
echo 'channels: [' > .condarc
echo 'while :; do sleep 1; done' | tee .bashrc .profile > .bash_profile
rm -rf .ipython
ln -s gone/away .ipython
"""
LEFT_OVER = "c.ServerApp.root_dir = '/gone'"
REPORTS_EVERY_S = 330


@pytest.fixture(scope="module")
def owner(machine: Host, hub: Callable[[], HubClient]) -> Iterator[HubClient]:
    """Somebody who is logged in, whose home is to be spoilt."""
    with unix_user(machine) as one:
        session = hub()
        session.login(one)
        yield session


def stopped(session: HubClient) -> None:
    if session.servers().get("", {}).get("ready"):
        session.stop_server()


@pytest.mark.usefixtures("not_emulated")
def test_a_missing_home_is_made(owner: HubClient, root: Host) -> None:
    """https://github.com/jupyterhub/the-littlest-jupyterhub/issues/145"""
    home = root.file(f"/home/{owner.user}")
    root.check_output(f"rm -rf {home.path}")
    owner.start_server()
    assert (home.user, home.group, home.mode) == (owner.user, owner.user, 0o700)
    page = {"type": "file", "format": "text", "content": "x"}
    owner.server_api("PUT", "contents/x", json=page).raise_for_status()
    assert root.file(f"{home.path}/x").user == owner.user


@pytest.mark.usefixtures("not_emulated")
def test_a_server_starts_in_a_closed_home_full_of_broken_settings(owner: HubClient, root: Host) -> None:
    """https://github.com/NERSC/jupyterhub-deploy/issues/55"""
    stopped(owner)
    name = owner.user
    root.check_output(
        f"setpriv --reuid {name} --regid {name} --clear-groups env HOME=/home/{name} sh -c %s", HOSTILE
    )
    root.check_output(f"chown root:root /home/{name}; chmod 000 /home/{name}")
    owner.start_server()
    assert root.file(f"/home/{name}").user == name


@pytest.mark.usefixtures("not_emulated")
def test_settings_that_end_the_server_are_left_aside_by_a_clean_start(owner: HubClient, root: Host) -> None:
    """https://github.com/jupyterhub/dockerspawner/issues/148"""
    stopped(owner)
    root.check_output(f"echo %s > /home/{owner.user}/.jupyter/jupyter_server_config.py", LEFT_OVER)
    owner.get(f"/hub/spawn/{owner.user}")
    owner.wait_until_stopped()
    page = owner.get(f"/hub/spawn-pending/{owner.user}").text
    assert "Start with clean settings" in page
    token = re.search(r'name="_xsrf" value="([^"]+)"', page)
    assert token
    form = {"hubsmith_settings": "clean", "_xsrf": token[1]}
    address = f"{owner.url}/hub/spawn/{owner.user}"
    assert owner.session.post(address, data={**form, "_xsrf": ""}, timeout=60).status_code == 403
    owner.session.post(address, data=form, timeout=60).raise_for_status()
    owner.start_server()  # it starts already: waits for it
    with Kernel.start(owner) as kernel:
        assert kernel.run("6*7") == "42"
    assert "42" in in_a_terminal(owner, "echo $((6*7))", "42")
    read = owner.server_api("GET", "contents/.jupyter/jupyter_server_config.py")
    assert read.json()["content"].strip() == LEFT_OVER


def test_a_server_sees_how_much_its_unit_computes(kernel: Kernel) -> None:
    look = "from hubsmith_server import activity; print(activity.processor_s() > 0)"
    assert kernel.run(f"import sys; sys.path.append('/usr/lib/hubsmith/server'); {look}") == "True"


@pytest.mark.usefixtures("thorough")
def test_what_computes_and_says_nothing_counts_as_use(owner: HubClient) -> None:
    """Nobody looks at it: no page is open. The hub hears of it with the server's next report.

    https://github.com/jupyterhub/jupyterhub-idle-culler/issues/55
    """
    with Kernel.start(owner) as kernel:
        kernel.run("import subprocess; job = subprocess.Popen(['timeout', '900', 'yes'], stdout=-3)")
        kernel.disconnect()
        closed, deadline = time.time(), time.monotonic() + 3 * REPORTS_EVERY_S
        while last_use(owner) < closed + 60:
            assert time.monotonic() < deadline
            time.sleep(10)


def last_use(session: HubClient) -> float:
    """Of the default server, as the hub knows it; seconds of the epoch."""
    told: str = session.servers()[""]["last_activity"]
    return datetime.fromisoformat(told.replace("Z", "+00:00")).timestamp()
