"""What the seal stops on a builder, by a systemctl that only writes down what it is asked for.

The rest of the script removes files; it runs on machines only (tests/image/test_sealed.py).
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from build.bake import scripts


def stopped(folder: Path) -> list[str]:
    """The units that the first section stops."""
    first, found, _ = scripts.SEAL.read_text(encoding="utf-8").partition('say "package caches"')
    assert found
    for name in ("systemctl", "journalctl"):
        (folder / name).write_text(f'#!/bin/sh\necho "$@" >>{folder}/{name}.calls\n', encoding="utf-8")
        (folder / name).chmod(0o755)
    path = {"PATH": f"{folder}:/usr/bin:/bin"}
    subprocess.run(["sh", "-s"], input=first, text=True, env=path, check=True, capture_output=True)
    calls = (folder / "systemctl.calls").read_text(encoding="utf-8").splitlines()
    return [call.removeprefix("stop ") for call in calls if call.startswith("stop ")]


def test_what_writes_at_the_end_is_stopped_and_the_end_of_a_forgotten_builder_is_not(
    tmp_path: Path,
) -> None:
    units = stopped(tmp_path)
    assert {"syslog.socket", "rsyslog.service", "cron.service", "apt-daily-upgrade.timer"} < set(units)
    assert not [unit for unit in units if unit.startswith("hubsmith-")]
