"""Values that were meant otherwise: each is told at its own place, once, and with what is meant if that is
known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.manifest.conftest import Project


IMAGE = "  name: debian-13-amd64-*"
VOLUME = "  root_volume:\n    size_gib: 16\n    type: gp3"
PROFILE = "  aws:\n    builder:\n"
ARCHITECTURE = "7:17 base.architecture: should be 'x86_64' or 'arm64', is"


@pytest.mark.parametrize(
    ("old", "new", "place", "end"),
    [
        (
            "hub:\n",
            "hub:\n  idle_timeout: null\n",
            "15:3 hub.idle_timeout",
            "did you mean 'idle_timeout_minutes'?",
        ),
        (
            "publish:\n",
            "publish:\n  ssm_paramter:\n",
            "25:3 publish.ssm_paramter",
            "did you mean 'ssm_parameter'?",
        ),
        ("cloud: local\n", "cloud: local\nlauch:\n", "5:1 lauch: unknown key", "did you mean 'launch'?"),
        (PROFILE, PROFILE + "      vpc: null\n", "32:7 builder.vpc: unknown key", "did you mean 'vpc_id'?"),
        ("[t3.large, t3a.large]", "[t3large]", "9:20 builder.instance_types.0: should be", "is 't3large'"),
        ("  packages: [numpy]", "  channels: ['x\"y']", "18:14 python.channels.0: should be", "is 'x\"y'"),
        (IMAGE, "  architecture: amd64\n" + IMAGE, ARCHITECTURE, "'amd64'; did you mean 'x86_64'?"),
        (IMAGE, "  architecture: aarch64\n" + IMAGE, ARCHITECTURE, "'aarch64'; did you mean 'arm64'?"),
        (
            VOLUME,
            "  root_volume:\n    size_gib:16",
            "11:5 builder.root_volume",
            "a blank is missing after the colon",
        ),
    ],
)
def test_it_is_told_once_and_in_its_place(project: Project, old: str, new: str, place: str, end: str) -> None:
    project.edit(old, new)
    problem, *others = project.problems()
    assert others == []
    assert problem.startswith(f"manifest.yaml:{place}")
    assert problem.endswith(end)


def test_an_empty_key_that_is_known_is_as_good_as_absent(project: Project) -> None:
    project.edit("hub:\n", "hub:\n  tasks_limit:\n  cpu_limit: null\n")
    project.edit("  cpu_limit: 2.0\n", "")
    hub = project.load().hub
    assert (hub.tasks_limit, hub.cpu_limit) == (1000, None)


def test_a_key_of_provisioner_yaml_that_is_unknown_and_empty_is_told(project: Project) -> None:
    project.provisioner("hub", "summary: x\nneed:\n")
    project.edit("    variables:\n      greeting: hello\n", "")
    told = "provisioners/hub/provisioner.yaml:2:1 need: unknown key; did you mean 'needs'?"
    assert project.problems() == [told]
