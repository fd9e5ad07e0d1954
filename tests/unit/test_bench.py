"""What `make bench` makes of a build's steps."""

from __future__ import annotations

from tests.bench import Build


def test_neither_the_base_image_nor_what_a_step_is_made_of_counts_as_the_tools_own_time() -> None:
    steps = {
        "base image debian-13": 40.0,
        "local cloud": 2.0,
        "launch the builder": 50.0,
        "launch the builder: run-instances to ssh": 45.0,
    }
    built = Build("cold", 95.0, steps, task_peak_mib=0, server_peak_mib=0)
    assert built.overhead_percent == 10.0  # 5 s of 50
