"""Messages to users: what ran out, what the operator tells, and who has stopped a server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hub_client import HubClient, HubUser
from kernel_client import Kernel
from testinfra.host import Host
from unix_users import Neighbour, properties_of, unit_of

pytestmark = pytest.mark.usefixtures("booted")

TELL = "/usr/lib/hubsmith/tell"
REFUSED = """
import subprocess, sys
code = '''
import os, time
children = []
try:
    while len(children) < 20_000:
        child = os.fork()
        if child == 0:
            time.sleep(600)
            os._exit(0)
        children.append(child)
except OSError:
    print("refused")
for child in children:
    os.kill(child, 9)
'''
print(subprocess.run([sys.executable, "-S", "-c", code], stdout=-1, text=True).stdout.strip())
"""


def messages(session: HubClient) -> list[dict[str, Any]]:
    """What the page of this session's server would show."""
    address = f"{session.servers_url}{session.base()}hubsmith/messages"
    token = next(
        one.value for one in session.session.cookies if one.name == "_xsrf" and one.path == session.base()
    )
    answer = session.session.get(address, headers={"X-XSRFToken": token or ""}, timeout=120)
    answer.raise_for_status()
    found: list[dict[str, Any]] = answer.json()["messages"]
    return found


def texts(session: HubClient) -> list[str]:
    return [message["text"] for message in messages(session)]


@pytest.fixture
def tell(root: Host) -> Iterator[Callable[[str, str], None]]:
    """A function from a text and options that has the machine's program tell it; taken back afterwards."""
    yield lambda text, options: root.check_output(f"echo %s | {TELL} add {options}", text)
    root.check_output(f"{TELL} clear")


@pytest.mark.usefixtures("not_emulated")
def test_jupyterlab_takes_the_extension(root: Host) -> None:
    listed = root.run("HOME=/nonexistent /opt/anaconda/bin/jupyter labextension list")
    lines = (listed.stdout + listed.stderr).splitlines()
    (line,) = [line for line in lines if "hubsmith-messages" in line]
    assert "enabled" in line
    assert "OK" in line


@pytest.mark.usefixtures("heavy")
@pytest.mark.parametrize("page", ["lab", "tree"])
def test_the_pages_load_the_extension(notebook: HubClient, page: str) -> None:
    base = f"{notebook.servers_url}{notebook.base()}"
    shown = notebook.session.get(f"{base}{page}", timeout=120)
    if page == "tree" and shown.status_code == 404:
        pytest.skip("this image has no Notebook 7")
    assert "hubsmith-messages" in shown.text
    script = notebook.session.get(f"{base}lab/extensions/hubsmith-messages/static/messages.js", timeout=120)
    assert script.ok
    assert "_JUPYTERLAB" in script.text


@pytest.mark.usefixtures("heavy")
def test_everybody_is_told_and_the_login_page_says_it(
    notebook: HubClient, hub: Callable[[], HubClient], tell: Callable[[str, str], None]
) -> None:
    text = "Bigger disk <b>tonight</b>"
    tell(text, "")
    assert text in texts(notebook)
    page = hub().get("/hub/login").text
    assert "Bigger disk &lt;b&gt;tonight&lt;/b&gt;" in page
    assert text not in page


@pytest.mark.usefixtures("heavy")
def test_what_one_user_is_told_nobody_else_reads(
    notebook: HubClient,
    kernel: Kernel,
    hub_user: HubUser,
    neighbour: Neighbour,
    root: Host,
    tell: Callable[[str, str], None],
) -> None:
    name = neighbour.hub_user.name
    tell("for one", f"--user {name} --stop-at {time.time() + 3600:.0f}")
    assert "for one" in texts(neighbour.session)
    (message,) = [one for one in messages(neighbour.session) if one["text"] == "for one"]
    assert message["level"] == "warning"
    assert message["stop_at"] > time.time()
    assert "for one" in neighbour.session.get("/hub/home").text
    assert "for one" not in texts(notebook)
    assert "for one" not in notebook.get("/hub/home").text
    file = f"/run/hubsmith-messages/{root.user(name).uid}.json"
    assert kernel.run(f"import os; print(os.access({file!r}, os.R_OK))") == "False"
    assert kernel.run("import os; print(os.access('/run/hubsmith-messages', os.R_OK | os.W_OK))") == "False"


@pytest.mark.usefixtures("heavy")
def test_it_is_told_until_then(notebook: HubClient, tell: Callable[[str, str], None], root: Host) -> None:
    tell("lasting", f"--until {time.time() + 600:.0f}")
    tell("over", f"--until {time.time() - 1:.0f}")
    assert "lasting" in texts(notebook)
    assert "over" not in texts(notebook)
    assert [row["text"] for row in json.loads(root.check_output(f"{TELL} list"))] == ["lasting"]
    root.check_output(f"{TELL} clear")
    assert "lasting" not in texts(notebook)


@pytest.mark.usefixtures("heavy", "exclusive", "in_turn")
def test_a_program_that_was_ended_for_memory_is_told(
    notebook: HubClient, kernel: Kernel, root: Host, hub_user: HubUser
) -> None:
    limit = int(properties_of(root, unit_of(hub_user), "MemoryMax")["MemoryMax"])
    before = {one["id"] for one in messages(notebook)}
    touch = "[m.__setitem__(i, 1) for i in range(0, len(m), 4096)]"
    hog = f"import mmap; m = mmap.mmap(-1, {limit + 2**28}); {touch}"
    kernel.run(
        f"import subprocess, sys; print(subprocess.run([sys.executable, '-S', '-c', {hog!r}]).returncode)"
    )
    new = [one for one in messages(notebook) if one["id"] not in before]
    assert any("used more memory than your limit" in one["text"] for one in new)


@pytest.mark.usefixtures("heavy", "exclusive")
def test_a_limit_on_processes_is_told(notebook: HubClient, kernel: Kernel) -> None:
    assert kernel.run(REFUSED) == "refused"
    assert any("as many processes and threads as you may have" in text for text in texts(notebook))


@pytest.mark.usefixtures("heavy", "not_emulated", "before_reboot")
def test_a_page_says_who_has_stopped_a_server(neighbour: Neighbour, admin: HubClient) -> None:
    session, name = neighbour.session, neighbour.hub_user.name
    admin.hub_api("DELETE", f"users/{name}/server").raise_for_status()
    session.wait_until_stopped()
    neighbour.kernel_has_ended()
    assert "Your server was stopped by an administrator" in session.get("/hub/home").text
    session.start_server()
    assert "was stopped by" not in session.get("/hub/home").text
