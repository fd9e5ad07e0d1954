"""The greeting is there, with the right words and rights."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from testinfra.host import Host


@pytest.fixture(autouse=True)
def noted(host: Host, record_property: Callable[[str, object], None]) -> None:
    """Which machine it was."""
    record_property("boot", host.check_output("cat /proc/sys/kernel/random/boot_id"))


def test_the_greeting_is_in_place(host: Host) -> None:
    assert host.file("/etc/greeting/text").content_string == "hello world\n"
    assert host.file("/etc/greeting/copy").content_string == "hello world\n"


def test_the_secret_is_root_s_alone(host: Host) -> None:
    assert host.check_output("stat -c '%a %u' /etc/greeting/secret") == "600 0"
