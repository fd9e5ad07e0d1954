"""Provisioners: values found, checked and given to scripts and templates; mistakes told in their file."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from build.manifest import environment, template_variables

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.manifest.conftest import Project

HUB = "provisioners/hub/provisioner.yaml"


def test_a_value_comes_from_the_entry_else_from_the_key_named_else_is_the_default(project: Project) -> None:
    base, hub = project.load().provisioners
    assert (base.name, hub.name) == ("base", "hub")
    assert hub.folder == project.folder / "provisioners" / "hub"
    assert hub.values["greeting"] == "hello"
    assert hub.values["admin_users"] == ("ada",)
    assert hub.values["workers"] == 4
    assert project.load("provisioners.hub.variables.admin_users=[bob]").provisioners[1].values[
        "admin_users"
    ] == ("bob",)


def test_the_definition_is_at_hand(project: Project) -> None:
    base, hub = project.load().provisioners
    assert (hub.definition.summary, hub.definition.needs, hub.definition.timeout_minutes) == (
        "A hub.",
        ("base",),
        20,
    )
    assert base.definition.timeout_minutes == 30
    owned = hub.definition.ownership["/etc/hub.conf"]
    assert (owned.mode, owned.owner, owned.group) == (0o600, "root", "ada")


def test_a_script_gets_the_values_as_the_contract_says(project: Project) -> None:
    overrides = [
        "provisioners.hub.variables.labels={b: [1, x], a: é}",
        "provisioners.hub.variables.words=[numpy, 'pandas>=2', 3, true]",
    ]
    assert environment(project.load(*overrides).provisioners[1]) == {
        "ADMIN_USERS": "ada",
        "GREETING": "hello",
        "WORKERS": "4",
        "RATIO": "0.5",
        "QUIET": "false",
        "LABELS": '{"a": "é", "b": [1, "x"]}',
        "PACKAGES": "numpy",
        "WORDS": "numpy\npandas>=2\n3\ntrue",
    }


def test_null_reaches_a_script_as_a_variable_that_is_set_and_empty(project: Project) -> None:
    got = environment(project.load("provisioners.hub.variables.greeting=null").provisioners[1])
    assert (got["GREETING"], got["LABELS"]) == ("", "")


def test_bash_reads_a_list_back(project: Project) -> None:
    got = environment(
        project.load("provisioners.hub.variables.words=['a b', \"c'd\", '$HOME']").provisioners[1]
    )
    script = 'mapfile -t items <<< "$WORDS"; printf "<%s>" "${items[@]}"'
    done = subprocess.run(["bash", "-c", script], env=got, capture_output=True, text=True, check=True)
    assert done.stdout == "<a b><c'd><$HOME>"


def test_a_template_gets_the_values_with_their_types(project: Project) -> None:
    got = template_variables(project.load("provisioners.hub.variables.labels={a: [1]}").provisioners[1])
    assert (got["admin_users"], got["workers"], got["quiet"], got["labels"]) == (
        ["ada"],
        4,
        False,
        {"a": [1]},
    )
    assert json.loads(json.dumps(got)) == got


def test_a_whole_section_of_the_manifest_can_be_a_value(project: Project) -> None:
    project.provisioner(
        "base",
        "summary: The base.\nvariables:\n  mirrors: {from: builder.mirrors}\n  tag: {from: "
        "image.tags.team}\n",
    )
    base = project.load("builder.mirrors.apt=https://mirror.example.org/debian").provisioners[0]
    assert template_variables(base)["mirrors"] == {
        "apt": "https://mirror.example.org/debian",
        "pypi": None,
        "npm": None,
        "conda": None,
    }
    assert base.values["tag"] == "data"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("greeting: [a]", "should be text, is a list"),
        ("greeting: 3.11", "should be text, is 3.11"),
        ("workers: 1.5", "should be a whole number, is 1.5"),
        ("workers: yes", "should be a whole number, is yes"),
        ("ratio: much", "should be a number, is 'much'"),
        ("ratio: .nan", "should be a finite number, is .nan"),
        ("quiet: 'no'", "should be true or false, is 'no'"),
        ("labels: [a]", "should be a mapping, is a list"),
        ("packages: numpy", "should be a list, is 'numpy'"),
        (
            'packages: ["a\\nb"]',
            "should have no line breaks in its entries (a script gets one entry a line), is a list",
        ),
        ("admin_users: bob", "should be a list, is 'bob'"),
        ("labels: {a: 2026-11-23}", "should be put in quotes, is a mapping"),
        ("greting: x", "hub has no variable 'greting'; did you mean 'greeting'?"),
    ],
)
def test_a_wrong_value_is_told_in_the_manifest(project: Project, value: str, told: str) -> None:
    name = value.split(":")[0]
    project.edit("greeting: hello", value)
    column = 7 if "did you mean" in told else 7 + len(name) + 2
    assert project.problems() == [f"manifest.yaml:23:{column} provisioners.1.variables.{name}: {told}"]


def test_a_whole_number_is_a_number(project: Project) -> None:
    assert project.load("provisioners.hub.variables.ratio=2").provisioners[1].values["ratio"] == 2


def test_order_is_told_where_the_entry_stands(project: Project) -> None:
    project.edit("  - base\n", "")
    project.edit("      greeting: hello\n", "      greeting: hello\n  - base\n")
    assert project.problems() == [
        "manifest.yaml:20:11 provisioners.0: hub needs base, which has to come before it"
    ]


def test_a_required_variable_has_to_be_given(project: Project) -> None:
    project.provisioner(
        "base", "summary: The base.\nvariables:\n  zone: {required: true, description: where it is}\n"
    )
    assert project.problems() == [
        "manifest.yaml:20:5 provisioners.0.variables.zone: base requires this variable (where it is)"
    ]
    assert project.load("provisioners.base.variables.zone=here").provisioners[0].values["zone"] == "here"


@pytest.mark.parametrize(
    ("definition", "told"),
    [
        ("summary: x\nsummry: x\n", "2:1 summry: unknown key; did you mean 'summary'?"),
        ("needs: []\n", "1:1 summary: is missing"),
        ("summary: x\nneeds: [bse]\n", "2:9 needs.0: there is no provisioner 'bse'; did you mean 'base'?"),
        ("summary: x\ntimeout_minutes: long\n", "2:18 timeout_minutes: should be a whole number, is 'long'"),
        (
            "summary: x\nvariables: {a: {from: hub.admin_user}}\n",
            "2:23 variables.a.from: the manifest has no hub.admin_user; did you mean",
        ),
        (
            "summary: x\nvariables: {a: {from: profiles.x}}\n",
            "2:23 variables.a.from: the manifest has no profiles.x",
        ),
        ("summary: x\nvariables: {a: {type: lst}}\n", "2:23 variables.a.type: should be 'string', 'integer'"),
        ("summary: x\nvariables: {a: {frm: x}}\n", "2:17 variables.a.frm: unknown key; did you mean 'from'?"),
        (
            "summary: x\nvariables: {a: {default: x, type: list}}\n",
            "2:13 variables.a: has a default that should be a list",
        ),
        (
            "summary: x\nvariables: {a: {default: x, required: true}}\n",
            "2:13 variables.a: is required and has a default",
        ),
        ("summary: x\nvariables: {path: {}}\n", "2:13 variables.path: would overwrite PATH"),
        ("summary: x\nvariables: {Size: {}}\n", "2:13 variables.Size: should be a name of small letters"),
        (
            "summary: x\nvariables: {a: {from: hub.admin_users, type: string}}\n",
            "2:23 variables.a: should be text, and hub.admin_users is",
        ),
        (
            "summary: x\nfiles: {/etc/hub.cnf: {}}\n",
            "2:9 files./etc/hub.cnf: there is no such file below files/",
        ),
        (
            "summary: x\nfiles: {/etc/hub.conf: {mode: 0600}}\n",
            "2:31 files./etc/hub.conf.mode: 0600 is an octal number, 384: put text in quotes",
        ),
        (
            "summary: x\nfiles: {/etc/hub.conf: {mode: '0800'}}\n",
            "2:31 files./etc/hub.conf.mode: should be an octal mode in quotes",
        ),
        ("summary: [\n", "1:10 file: opens a bracket that is not closed"),
        ("summary: x\nsummary: y\n", "2:1 summary: is set twice (first in line 1)"),
    ],
)
def test_a_mistake_in_provisioner_yaml_is_told_there(project: Project, definition: str, told: str) -> None:
    project.provisioner("hub", definition)
    project.edit("    variables:\n      greeting: hello\n", "")
    assert [line.startswith(f"{HUB}:{told}") for line in project.problems()] == [True], project.problems()


def test_a_variable_may_have_no_more_than_a_name(project: Project) -> None:
    project.provisioner("base", "summary: The base.\nvariables:\n  anything:\n")
    assert project.load("provisioners.base.variables.anything={a: 1}").provisioners[0].values["anything"] == {
        "a": 1
    }


def _no_script(hub: Path) -> None:
    (hub / "install.sh").unlink()


def _no_definition(hub: Path) -> None:
    (hub / "provisioner.yaml").unlink()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_no_script, f"{HUB}:1:1 file: there is no install.sh beside this file"),
        (
            _no_definition,
            "manifest.yaml:21:11 provisioners.1: the folder provisioners/hub has no provisioner.yaml",
        ),
    ],
)
def test_an_incomplete_folder_is_told(project: Project, spoil: object, told: str) -> None:
    assert callable(spoil)
    spoil(project.folder / "provisioners" / "hub")
    assert project.problems() == [told]


def test_mistakes_of_manifest_and_provisioners_come_together(project: Project) -> None:
    project.provisioner("base", "summary: 3\n")
    project.edit("address: public", "address: both")
    project.edit("greeting: hello", "greting: hello")
    assert [line.split()[0] for line in project.problems()] == [
        "manifest.yaml:13:12",
        "manifest.yaml:23:7",
        "provisioners/base/provisioner.yaml:1:10",
    ]


def test_provisioners_not_used_are_not_read(project: Project) -> None:
    project.provisioner("broken", "[")
    assert len(project.load().provisioners) == 2
