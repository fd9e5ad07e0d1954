"""What a notebook can do with the rest of the machine: all of it is meant, by a rule with its reason, or
accepted in the manifest.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable

import pytest
from hub_client import HubUser
from kernel_client import Kernel
from networks import Settings
from openings import planted, rules
from openings.survey import openings
from testinfra.host import Host
from unix_users import Neighbour

pytestmark = pytest.mark.usefixtures("booted", "before_reboot")


@pytest.fixture
def accepted() -> list[str]:
    """The manifest's tests.accepted_openings."""
    lines: list[str] = json.loads(os.environ.get("HUBSMITH_ACCEPTED_OPENINGS", "[]"))
    return lines


def test_every_opening_is_meant(
    kernel: Kernel,
    root: Host,
    hub_user: HubUser,
    settings: Settings,
    accepted: list[str],
    record_property: Callable[[str, object], None],
) -> None:
    found = openings(kernel, root, hub_user, settings)
    record_property("openings", "\n".join(found))  # goes into the JUnit file
    verdict = rules.judge(found, accepted)
    for line in verdict.idle:
        warnings.warn(f"tests.accepted_openings: there is no such opening any more: {line}", stacklevel=1)
    assert not verdict.unknown, rules.told(verdict.unknown)


@pytest.mark.usefixtures("heavy")
def test_privileges_are_noticed(root: Host, hub_user: HubUser) -> None:
    found, made = planted.told_of_privileges(root, hub_user)
    assert found == made
    assert set(rules.judge(found).unknown) == found


@pytest.mark.usefixtures("thorough", "exclusive")
def test_each_kind_is_noticed(
    kernel: Kernel, root: Host, hub_user: HubUser, settings: Settings, neighbour: Neighbour
) -> None:
    """One opening of each, made for the purpose."""
    assert neighbour.kernel.run("6*7") == "42"
    before = set(openings(kernel, root, hub_user, settings))
    with planted.openings(root, hub_user, neighbour.hub_user, settings.host) as made:
        found = set(openings(kernel, root, hub_user, settings)) - before
    others = {line for line in found if line.startswith("dbus: ")} - made  # who else is on the bus
    assert found - others == made
    assert set(rules.judge(found).unknown) == found
