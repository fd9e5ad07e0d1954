"""A plugin of pytest for the image tests: each process works on one of the machines that share the run.

HUBSMITH_MACHINES is a JSON list of {"ssh_config": PATH, "hub_url": URL}. pytest-xdist numbers its processes
gw0, gw1, …; one that is started in place of another has a new number. In a folder of its own, so that nothing
else of the product is importable by the tests.
"""

from __future__ import annotations

import json
import os

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Say which machine it is to testinfra, and to the tests that open the hub's pages."""
    number = int(getattr(config, "workerinput", {}).get("workerid", "gw0").removeprefix("gw"))
    machines = json.loads(os.environ["HUBSMITH_MACHINES"])
    mine = machines[number % len(machines)]
    config.option.ssh_config = mine["ssh_config"]
    os.environ["HUBSMITH_HUB_URL"] = mine["hub_url"]
