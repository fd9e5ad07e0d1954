"""A kernel that panics for real: a build quotes it at once, and so does cloud.status."""

from __future__ import annotations

import json
import signal
import time

import pytest

from tests.cloud.invoke_runner import InvokeRunner, eventually

pytestmark = [pytest.mark.vm, pytest.mark.turn]

QUOTED = "the machine's kernel panicked "
REASON = "sysrq triggered crash"


def quoted_by_cloud_status(runner: InvokeRunner) -> bool:
    """Whether `cloud.status` has a row with the panic, and its JSON document has the same."""
    rows = [
        line for line in runner.invoke("cloud.status").out.splitlines() if line.startswith("kernel fault\t")
    ]
    faults = json.loads(runner.invoke("cloud.status", "--json").out)["kernel_faults"]
    return any(QUOTED in row and REASON in row for row in rows) and REASON in str(faults)


def test_a_build_whose_builder_panics_ends_at_once_and_quotes_it(runner: InvokeRunner) -> None:
    before = runner.listing()
    running = runner.start_build("--profile", "panicking")
    running.wait_for("panicking now")
    began = time.monotonic()
    assert eventually(lambda: quoted_by_cloud_status(runner), timeout_s=60)
    running.process.wait(timeout=180)
    seconds = time.monotonic() - began
    said = " ".join(running.lines)
    assert running.end(signal.SIGTERM) == 1, said
    error = said.split("error:")[1]
    assert "provisioners/panicking/install.sh" in error
    assert QUOTED in error
    assert REASON in error
    assert "its console is kept in" in error
    assert seconds < 120, "at once, not after the time limit of the provisioner"
    assert eventually(lambda: runner.listing() == before), runner.listing()
