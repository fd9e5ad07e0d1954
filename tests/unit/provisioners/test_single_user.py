"""A user's server of the image with the real Jupyter: what it reports, and what a home can do to it.

Jupyter is no requirement of Hubsmith; where it is not installed these tests are skipped.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import websocket

from tests.unit.provisioners import single_user
from tests.unit.provisioners.single_user import Server

pytest.importorskip("jupyter_server", reason="jupyter-server is not installed")
pytest.importorskip("jupyterhub", reason="JupyterHub is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")

NAMED = "the server read these files of your own: {}"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "ada"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def hub() -> Iterator[tuple[str, list[str]]]:
    with single_user.hub() as found:
        yield found


def write(home: Path, name: str, text: str) -> Path:
    file = home / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def execute(server: Server, code: str) -> websocket.WebSocket:
    """Let a new kernel run this; the page that shows it."""
    kernel = server.api("POST", "kernels", json={"name": "python3"})["id"]
    address = server.url.replace("http:", "ws:") + f"api/kernels/{kernel}/channels"
    header = {"msg_id": "1", "msg_type": "execute_request", "username": "", "session": "1", "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    page = websocket.create_connection(
        address, header=[f"Authorization: token {'x' * 32}"], timeout=single_user.PATIENCE_S
    )
    page.send(json.dumps(message))
    while "execute_input" not in page.recv():
        pass
    return page


def moves(reports: list[str], seconds: float) -> bool:
    """Does the last activity move within this time?"""
    deadline, before = time.monotonic() + seconds, reports[-1]
    while time.monotonic() < deadline:
        if reports[-1] != before:
            return True
        time.sleep(0.1)
    return False


def moves_twice(reports: list[str]) -> bool:
    """The first may be of what a page did that is closed."""
    return all(moves(reports, 30) for _ in range(2))


def test_a_kernel_that_says_nothing_is_use_while_it_is_busy(home: Path, hub: tuple[str, list[str]]) -> None:
    url, reports = hub
    with Server(home, url) as server:
        assert server.answers(), server.said()
        execute(server, "import time; time.sleep(40)").close()
        assert moves_twice(reports), server.said()
        # Its kernel sleeps no more: nobody uses it.
        deadline = time.monotonic() + single_user.PATIENCE_S
        while moves(reports, 5):
            assert time.monotonic() < deadline, server.said()


def test_a_terminal_that_prints_is_use_with_no_page_open(home: Path, hub: tuple[str, list[str]]) -> None:
    url, reports = hub
    with Server(home, url) as server:
        assert server.answers(), server.said()
        name = server.api("POST", "terminals")["name"]
        page = websocket.create_connection(
            server.url.replace("http:", "ws:") + f"terminals/websocket/{name}",
            header=[f"Authorization: token {'x' * 32}"],
            timeout=single_user.PATIENCE_S,
        )
        page.send(json.dumps(["stdin", "while sleep 2; do echo tick; done\r"]))
        while "tick\\r" not in str(json.loads(page.recv())[1:]):
            pass
        page.close()
        assert moves_twice(reports), server.said()


def test_pages_that_ask_for_messages_are_no_use(home: Path, hub: tuple[str, list[str]]) -> None:
    url, reports = hub
    with Server(home, url) as server:
        assert server.answers(), server.said()
        address = f"{server.url}hubsmith/messages"
        assert requests.get(address, timeout=single_user.PATIENCE_S).status_code == 403
        while moves(reports, 5):  # of what asked whether it answers
            pass
        before = reports[-1]
        for _ in range(3):
            answer = requests.get(
                address, headers={"Authorization": f"token {'x' * 32}"}, timeout=single_user.PATIENCE_S
            )
            assert isinstance(answer.json()["messages"], list)
        assert not moves(reports, 5)
        assert reports[-1] == before
        assert "GET /user/ada/hubsmith/messages (ada" not in server.said()


def test_an_idle_kernel_is_ended_though_a_page_shows_it_and_a_busy_one_is_not(
    home: Path, hub: tuple[str, list[str]]
) -> None:
    """With the options of jupyterhub_config.py.j2."""
    options = ("cull_idle_timeout=5", "cull_interval=1", "cull_connected=True", "cull_busy=False")
    with Server(home, hub[0], *(f"--MappingKernelManager.{option}" for option in options)) as server:
        assert server.answers(), server.said()
        pages = [execute(server, code) for code in ("import time; time.sleep(600)", "pass")]
        deadline = time.monotonic() + 60
        while len(kernels := server.api("GET", "kernels")) > 1:
            assert time.monotonic() < deadline, server.said()
            time.sleep(0.5)
        assert [kernel["execution_state"] for kernel in kernels] == ["busy"]
        for page in pages:
            page.close()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("jupyter_server_config.py", "c.ServerApp.root_dir = '/gone'"),
        ("jupyter_server_config.py", "import sys; sys.exit('no')"),
        ("jupyter_server_config.json", '{"ServerApp": {"allow_origin": 5}}'),
    ],
    ids=["root_dir", "exit", "type"],
)
def test_settings_that_end_a_server_are_named(
    home: Path, hub: tuple[str, list[str]], file: str, text: str
) -> None:
    """https://github.com/jupyterhub/dockerspawner/issues/148"""
    path = write(home, f".jupyter/{file}", text)
    with Server(home, hub[0]) as server:
        assert not server.answers()
        assert NAMED.format(path) in server.said()


def test_settings_that_cannot_be_read_end_no_server(home: Path, hub: tuple[str, list[str]]) -> None:
    write(home, ".jupyter/jupyter_server_config.py", "c.ServerApp.(")
    write(home, ".jupyter/jupyter_config.py", "import gone")
    write(home, ".jupyter/jupyter_server_config.json", "{")
    extension = '{"ServerApp": {"jpserver_extensions": {"gone": true}}}'
    write(home, ".jupyter/jupyter_config.json", extension)
    with Server(home, hub[0]) as server:
        assert server.answers(), server.said()


def test_folders_that_cannot_be_used_are_left_aside(home: Path, hub: tuple[str, list[str]]) -> None:
    write(home, ".jupyter", "")
    (home / ".local").mkdir()
    (home / ".local/share").symlink_to("gone/away")
    (home / ".ipython").symlink_to("gone")
    with Server(home, hub[0]) as server:
        assert server.answers(), server.said()
        execute(server, "pass").close()


def test_a_clean_start_does_without_what_is_in_the_home(home: Path, hub: tuple[str, list[str]]) -> None:
    text = "c.ServerApp.root_dir = '/gone'"
    write(home, ".jupyter/jupyter_server_config.py", text)
    write(home, ".ipython/profile_default/startup/a.py", "import os; os._exit(1)")
    write(home, ".bashrc", "exit 1")
    with Server(home, hub[0], HUBSMITH_CLEAN_START="1") as server:
        assert server.answers(), server.said()
        # What has to be corrected can be seen and changed.
        assert server.api("GET", "contents/.jupyter/jupyter_server_config.py")["content"] == text
        execute(server, "pass").close()
        name = server.api("POST", "terminals")["name"]
        time.sleep(2)
        assert [one["name"] for one in server.api("GET", "terminals")] == [name]
