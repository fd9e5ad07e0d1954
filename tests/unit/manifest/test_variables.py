"""Values of provisioners' variables: by the rules of the key that they stand in for, and by those of
provisioner.yaml.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from build.errors import ManifestError
from build.manifest import load

if TYPE_CHECKING:
    from tests.unit.manifest.conftest import Project

SHIPPED = Path(__file__).parents[3] / "manifest.yaml"


def told(*overrides: str) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        load(SHIPPED, overrides=[f"provisioners.{override}" for override in overrides])
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        (
            "jupyterhub.variables.admin_users=[root]",
            "hub.admin_users.0: root is an account of the base image",
        ),
        ("jupyterhub.variables.version='\"4.0.0\"'", "hub.version: should be a full version"),
        ('jupyterhub.variables.version="4.0.0"', "hub.version: has known security holes"),
        ("jupyterhub.variables.mem_limit=8GB", "hub.mem_limit: should be an amount"),
        ("jupyterhub.variables.cpu_limit=banana", "hub.cpu_limit: should be a number of processors"),
        ("jupyterhub.variables.tasks_limit=-5", "hub.tasks_limit: should be at least 50, is -5"),
        ("jupyterhub.variables.environment={MY-VAR: x}", "hub.environment.MY-VAR: should be a variable name"),
        ("python.variables.distribution=../../x", "python.distribution: should be 'venv', 'miniforge' or"),
        ("python.variables.channels=[defaults]", "python.channels.0: defaults comes under Anaconda's terms"),
        (
            "python.variables.packages=['numpy >> 2']",
            "python.packages.0: should be a package as pip takes it",
        ),
        ("python.variables.distribution=anaconda", "python.accept_terms: should be true, set by you"),
        ("network.variables.allowed=[10.0.0.1/8]", "hub.network.allowed.0: should be the network itself"),
    ],
)
def test_a_value_obeys_the_rule_of_the_key_that_it_stands_in_for(override: str, problem: str) -> None:
    lines = told(override)
    assert [problem in line for line in lines] == [True], lines


def test_its_place_is_where_the_value_stands(project: Project) -> None:
    project.edit("      greeting: hello\n", "      greeting: hello\n      admin_users: [ada, root]\n")
    assert [line.partition(",")[0] for line in project.problems()] == [
        "manifest.yaml:24:26 hub.admin_users.1: root is an account of the base image"
    ]


def test_a_public_image_with_anaconda_is_noticed_whoever_asks_for_it() -> None:
    with pytest.raises(ManifestError, match="would give Anaconda to everybody"):
        load(
            SHIPPED,
            overrides=[
                "provisioners.python.variables={distribution: anaconda, accept_terms: true}",
                "publish.launch_permissions.user_groups=[all]",
                "builder.root_volume.encrypted=false",
            ],
        )


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        (
            "base.variables.timezone=Europe/Berln",
            "should be a time zone such as Europe/Berlin, is 'Europe/Berln'",
        ),
        ("base.variables.timezone=../../etc/passwd", "should be a time zone"),
        ("base.variables.locale=german", "should match"),
        ("base.variables.locale='x/;s/^/y/e;#'", "should match"),
        ("base.variables.packages=[curl, 'less; rm']", "should match"),
        ('logging.variables.max_journal="500M\\nForwardToWall=yes"', "should be one line of text"),
        ("logging.variables.max_journal=500 MB", "should match [1-9][0-9]*[KMGT]?, is '500 MB'"),
        ("logging.variables.max_file=50MB", "should match"),
        ("logging.variables.keep_days=-1", "should be at least 1, is -1"),
    ],
)
def test_a_value_obeys_the_rules_of_provisioner_yaml(override: str, problem: str) -> None:
    lines = told(override)
    assert [problem in line for line in lines] == [True], lines


RULES = """\
summary: x
variables:
  colour: {type: string, choices: [red, green]}
  size: {default: 3, minimum: 1, maximum: 5}
  text: {type: string, multiline: true}
"""


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("colour: blue", "should be 'red' or 'green', is 'blue'"),
        ("size: 6", "should be at most 5, is 6"),
        ("size: 0", "should be at least 1, is 0"),
        ('text: "a\\0b"', "should have no NUL characters, is 'a\\x00b'"),
    ],
)
def test_rules_of_a_variable(project: Project, value: str, complaint: str) -> None:
    project.provisioner("hub", RULES)
    project.edit("      greeting: hello\n", f"      {value}\n")
    assert [line.partition(": ")[2] for line in project.problems()] == [complaint]


def test_what_they_allow_is_taken(project: Project) -> None:
    project.provisioner("hub", RULES)
    project.edit("      greeting: hello\n", '      colour: red\n      size: 5\n      text: "a\\nb"\n')
    assert project.load().provisioners[1].values["text"] == "a\nb"


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ("{default: 9, maximum: 5}", "has a default that should be at most 5"),
        ('{default: x, pattern: "[yz]"}', "has a default that should match [yz]"),
        ('{default: x, pattern: "["}', "should be a regular expression"),
    ],
)
def test_a_rule_that_cannot_be_is_told(project: Project, rule: str, complaint: str) -> None:
    project.provisioner("hub", f"summary: x\nvariables:\n  a: {rule}\n")
    project.edit("    variables:\n      greeting: hello\n", "")
    assert [complaint in line for line in project.problems()] == [True]
