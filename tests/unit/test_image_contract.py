"""Images and commands of different ages."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from build import VERSION, image_contract
from build.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def test_images_carry_the_contract_that_they_are_built_with() -> None:
    written = (ROOT / "provisioners/base/files" / image_contract.CONTRACT_FILE.lstrip("/")).read_text(
        encoding="ascii"
    )
    assert written == f"{image_contract.CONTRACT}\n"


def test_this_hubsmith_builds_images_that_can_all_that_its_commands_need() -> None:
    for what in image_contract.SINCE:
        image_contract.require(what, image_contract.CONTRACT, "ami-1", "hub.example.org")
        image_contract.require(what, VERSION, "ami-1", "hub.example.org")


def test_an_older_image_is_refused_with_both_versions() -> None:
    with pytest.raises(UserError) as caught:
        image_contract.require("users --remove", "0.1.0", "ami-1", "hub.example.org")
    assert str(caught.value) == (
        "users --remove needs an image that Hubsmith 0.2.0 or later has built; ami-1 was built by Hubsmith "
        "0.1.0"
    )
    assert caught.value.hint == (
        "`invoke build-ami` makes one, and `invoke launch --domain hub.example.org --replace` gives it to "
        "the hub"
    )


@pytest.mark.parametrize("has", ["0.2.0", "0.2.1", "0.10.0", "1.0", "0.2.0\n"])
def test_a_newer_image_does(has: str) -> None:
    image_contract.require("users --remove", has, "ami-1", "hub.example.org")


def test_what_every_image_can_is_asked_of_none() -> None:
    image_contract.require("users --list", "0.1.0", "ami-1", "hub.example.org")


def test_names_and_paths_on_the_image_stand_in_one_file() -> None:
    shared = {
        image_contract.ADMIN_PASSWORD,
        image_contract.HOST_KEYS,
        image_contract.USERS_PROGRAM,
        image_contract.KERNELS_PROGRAM,
        image_contract.STATUS_PROGRAM,
        image_contract.CONTRACT_FILE,
        image_contract.LAUNCH_FILE,
        image_contract.OPERATOR_KEYS_FILE,
    }
    strangers = [
        f"{path.relative_to(ROOT)}: {node.value}"
        for path in (ROOT / "build").rglob("*.py")
        if path.name != "image_contract.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and "\n" not in node.value  # no docstring of several lines
        and any(name in node.value for name in shared)
    ]
    assert strangers == []
