"""python.extensions: each works in a user's server, unless the manifest leaves it out."""

from __future__ import annotations

import textwrap

import pytest
from hub_client import HubClient
from kernel_client import Kernel
from testinfra.host import Host

pytestmark = pytest.mark.usefixtures("heavy")

PULL = textwrap.dedent("""
    import pathlib, subprocess, tempfile
    def run(*command):
        done = subprocess.run(command, cwd=folder, stdout=-1, stderr=-2, text=True)
        assert done.returncode == 0, done.stdout
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "origin").mkdir()
        (folder / "origin" / "lesson.txt").write_text("lesson")
        run("git", "init", "--quiet", "--initial-branch=main", "origin")
        run("git", "-C", "origin", "add", ".")
        me = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        run("git", "-C", "origin", *me, "commit", "--quiet", "--message=first")
        run("gitpuller", f"file://{folder}/origin", "main", "course")
        print((folder / "course" / "lesson.txt").read_text())
""")


def wanted(root: Host, name: str) -> None:
    """Skips when the build was not asked for this extension."""
    if name not in root.file("/opt/anaconda/.hubsmith").content_string.split():
        pytest.skip(f"python.extensions is without {name}")


def test_widgets_are_in_kernels_and_in_jupyterlab(notebook: HubClient, kernel: Kernel, root: Host) -> None:
    wanted(root, "ipywidgets")
    assert kernel.run("import ipywidgets; print(ipywidgets.IntSlider(3).value)") == "3"
    page = notebook.session.get(f"{notebook.servers_url}{notebook.base()}lab")
    assert "@jupyter-widgets/jupyterlab-manager" in page.text


def test_users_see_their_own_limits(notebook: HubClient, kernel: Kernel, root: Host) -> None:
    wanted(root, "jupyter-resource-usage")
    limits = "import os; print(os.environ.get('MEM_LIMIT', 0), os.environ.get('CPU_LIMIT', 0))"
    memory, processors = kernel.run(limits).split()
    told = notebook.server_api("GET", "metrics/v1").json()
    assert told["limits"]["memory"]["rss"] == int(memory)
    assert told["limits"].get("cpu", {}).get("cpu", 0) == float(processors)
    assert told["rss"] > 0


@pytest.mark.usefixtures("in_turn")
def test_a_link_fetches_a_repository(notebook: HubClient, kernel: Kernel, root: Host) -> None:
    wanted(root, "nbgitpuller")
    assert kernel.run(PULL) == "lesson"
    page = f"{notebook.servers_url}{notebook.base()}git-pull?repo=https://example.org/course"
    assert notebook.session.get(page).status_code == 200
