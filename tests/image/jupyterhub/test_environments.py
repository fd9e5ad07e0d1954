"""python.environments: each is a kernel of its name for every user, who cannot change it."""

from __future__ import annotations

import json

import pytest
from hub_client import HubClient
from kernel_client import Kernel
from testinfra.host import Host

pytestmark = pytest.mark.usefixtures("heavy")

ENVS = "/opt/anaconda/envs"
CODE = """
import importlib.metadata, json, os, shutil, sys
print(json.dumps({
    "prefix": sys.prefix,
    "program": shutil.which("python"),
    "packages": sorted(found.metadata["Name"].lower() for found in importlib.metadata.distributions()),
    "writable": [top for top, _, files in os.walk(sys.prefix) for path in (top, *(os.path.join(top, file)
                 for file in files)) if not os.path.islink(path) and os.access(path, os.W_OK)][:5],
}))
"""


@pytest.fixture
def environments(root: Host) -> list[str]:
    """Those of the build."""
    found = root.check_output(f"find {ENVS} -maxdepth 2 -name .hubsmith 2>/dev/null || true").split()
    if not found:
        pytest.skip("python.environments has none")
    return [path.split("/")[-2] for path in sorted(found)]


def test_a_cell_runs_in_each_and_changes_nothing(notebook: HubClient, environments: list[str]) -> None:
    offered = notebook.server_api("GET", "kernelspecs").json()["kernelspecs"]
    for name in environments:
        assert offered[name]["spec"]["display_name"] == name
        with Kernel.start(notebook, name) as kernel:
            said = json.loads(kernel.run(CODE))
            assert said["prefix"] == f"{ENVS}/{name}"
            assert said["program"] == f"{ENVS}/{name}/bin/python"
            assert "ipykernel" in said["packages"]
            assert said["writable"] == []


def test_the_usual_kernel_is_the_shared_one_still(kernel: Kernel) -> None:
    assert kernel.run("import sys; print(sys.prefix)") == "/opt/anaconda"
