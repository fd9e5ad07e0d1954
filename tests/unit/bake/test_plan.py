"""The plan says what a build would do, and makes nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from build.bake.inputs.fingerprint import chain
from build.bake.plan import Plan, plan, test_files
from build.bake.plan_table import rows
from build.bake.published import Published
from build.manifest import Manifest, load
from build.report.tables import sheet

SHIPPED = Path(__file__).parents[3] / "manifest.yaml"


@dataclass(frozen=True)
class Base:
    id: str = "ami-0123456789abcdef0"
    name: str = "debian-13-amd64-20261123-1130"
    owner: str = "136693071363"
    architecture: str = "x86_64"
    login_user: str = "admin"


def shipped(*overrides: str) -> Manifest:
    return load(SHIPPED, overrides=overrides)


def planned(*overrides: str, published: Published | None = None) -> Plan:
    return plan(
        shipped(*overrides), Base(), "cloud local · account 000000000000 · region us-east-1", published
    )


def lines(made: Plan) -> list[str]:
    return [f"{name}: {value}" for name, value in rows(made)]


def test_a_person_reads_what_from_where_and_why() -> None:
    told = lines(planned("image.tags={team: data}", "hub.admin_users=[ada, bob]"))
    assert "cloud: local · account 000000000000 · region us-east-1" in told
    assert "image: jupyterhub-<time>-<run>" in told
    assert (
        "base image: ami-0123456789abcdef0 (debian-13-amd64-20261123-1130): the newest of owner "
        "136693071363 named debian-13-amd64-*" in told
    )
    assert any(
        line.startswith(
            "builder: instance types m7a.medium t3.medium, root volume (size_gib 16, type gp3, encrypted yes)"
        )
        for line in told
    )
    assert any(
        line.startswith("network: vpc the default VPC") and "ssh from 127.0.0.1/32" in line for line in told
    )
    assert ": admin_users = ada bob" in told
    assert "tag: team = data" in told
    assert any(
        line.startswith("tests: tests/image: test_base.py, ") and "jupyterhub/test_isolation.py" in line
        for line in told
    )
    assert "publish: let the parameter /hubsmith/jupyterhub/latest hold the image's id" in told


@pytest.mark.parametrize("room", [60, 80, 120])
def test_no_line_is_longer_than_the_terminal_but_for_a_word_that_is(room: int) -> None:
    told = sheet(rows(planned("python.distribution=miniforge")), room)
    longer = [line for line in told if len(line) > room]
    assert all(len(line.split()) == 1 for line in longer)
    (url,) = [line.strip() for line in told if "Miniforge3" in line]
    assert url.startswith("https://")
    assert url.endswith("Linux-{arch}.sh,")


def test_digests_of_the_tags_are_for_machines() -> None:
    made = planned()
    (told,) = [line for line in lines(made) if "hubsmith:parts" in line]
    assert told.startswith(
        "tag: hubsmith:fingerprint, hubsmith:settings, hubsmith:provisioners, hubsmith:parts, "
        "hubsmith:parts:2"
    )
    assert told.endswith("`invoke rebuild` compares them; --json shows them in full")
    assert not any(
        made.tags["hubsmith:parts"] in line or made.tags["hubsmith:fingerprint"] in line
        for line in lines(made)
    )
    assert made.document()["tags"] == dict(made.tags)
    assert len(made.document()["tags"]["hubsmith:parts"]) == 256


def test_what_cannot_be_repeated_is_told() -> None:
    made = planned("python.packages=[numpy]")
    words = (
        "not reproducible: each build takes the newest of numpy that fits; `invoke lock` pins what is "
        "installed"
    )
    assert f"packages: {words}" in lines(made)
    assert made.document()["not_reproducible"] == words
    assert not any(line.startswith("packages: ") for line in lines(planned()))


def test_provisioners_come_in_order_with_their_fingerprints() -> None:
    made = planned()
    marks = chain(Base().id, shipped().provisioners)
    assert [(step.name, step.fingerprint) for step in made.provisioners] == [
        (mark.provisioner, mark.digest) for mark in marks
    ]
    heads = [line for line in lines(made) if line.startswith("provision ")]
    assert heads[0].startswith(f"provision base: {marks[0].digest[:12]}  ")
    assert [head.split()[1] for head in heads] == [
        "base:",
        "python:",
        "network:",
        "jupyterhub:",
        "certificates:",
        "service:",
        "logging:",
        "boot:",
    ]


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("base.id=ami-0123456789abcdef0", "its id is in the manifest"),
        ("base.ssm_parameter=/a/b", "/a/b holds its id"),
    ],
)
def test_why_this_base_image(override: str, reason: str) -> None:
    assert planned(override).base_reason == reason


def test_the_plan_is_a_json_document() -> None:
    document = json.loads(json.dumps(planned().document()))
    assert document["base"]["id"] == "ami-0123456789abcdef0"
    assert document["provisioners"][0]["name"] == "base"
    assert document["provisioners"][0]["values"]["locale"] == "C.UTF-8"
    assert document["profiles"] == ["local"]


def test_what_is_not_published_is_not_announced() -> None:
    assert not any("parameter" in action for action in planned("publish.ssm_parameter=null").publish)


def test_who_else_may_launch_it_is_announced() -> None:
    shared = planned(
        "publish.launch_permissions={user_groups: [all], user_ids: ['210987654321']}",
        "builder.root_volume.encrypted=false",
    )
    assert shared.publish[0] == "let everybody, 210987654321 launch the image"
    assert not any("launch" in action for action in planned().publish)


def test_the_tests_are_those_of_the_provisioners_used_and_of_the_whole(tmp_path: Path) -> None:
    (tmp_path / "manifest.yaml").write_text("image: {name: x}\nprovisioners: [my-hub]\n", encoding="utf-8")
    folder, tests = tmp_path / "provisioners" / "my-hub", tmp_path / "tests" / "image"
    folder.mkdir(parents=True)
    tests.mkdir(parents=True)
    (folder / "provisioner.yaml").write_text("summary: x\n", encoding="utf-8")
    (folder / "install.sh").write_text("true\n", encoding="utf-8")
    manifest = load(tmp_path / "manifest.yaml")
    assert test_files(manifest) == ()
    assert "tests: none: the build would stop here" in lines(plan(manifest, Base(), "x"))
    for name in ("test_image.py", "test_my_hub.py", "test_other.py", "conftest.py"):
        (tests / name).write_text("", encoding="utf-8")
    assert test_files(manifest) == (tests / "test_my_hub.py", tests / "test_image.py")
    assert plan(manifest, Base(), "x").tests == ("tests/image/test_my_hub.py", "tests/image/test_image.py")


def test_what_is_new_since_the_published_image() -> None:
    marks = planned().tags
    assert planned().reason is None
    same = planned(published=Published("ami-1", marks)).reason
    assert same == "ami-1 is up to date: a build would only bring newer packages from the registries"
    older = planned(published=Published("ami-1", {**marks, "hubsmith:base": "ami-0 debian-12"})).reason or ""
    assert "base image ami-0 (debian-12) → ami-0123456789abcdef0 (debian-13-amd64-20261123-1130)" in older
    first = {name: value for name, value in marks.items() if name != "hubsmith:scheme"}
    assert planned(published=Published("ami-1", first)).reason == (
        "ami-1 is due: this version of Hubsmith counts what an image is made of in a different way: "
        "each image is rebuilt once"
    )
    values = planned("hub.admin_users=[ada]", published=Published("ami-1", marks))
    assert "why: ami-1 differs: variable admin_users of jupyterhub changed" in lines(values)
