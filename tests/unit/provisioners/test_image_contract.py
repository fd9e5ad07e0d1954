"""The programs of the image use the names, paths and keys of build/image_contract.py, which they cannot
import.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import get_type_hints

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from build import image_contract
from build.hubs.hub import Hub
from build.image_contract import LaunchData
from build.manifest import Launch

PROVISIONERS = Path(__file__).parents[3] / "provisioners"


@pytest.fixture(scope="module")
def launch(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("hubsmith_machine.launch")


def on_the_image(path: str) -> list[Path]:
    """The files of provisioners that become this file."""
    return [*PROVISIONERS.glob(f"*/files{path}"), *PROVISIONERS.glob(f"*/files{path}.j2")]


def programs() -> Iterator[tuple[Path, ast.Module]]:
    """All Python of the image."""
    for path in sorted(PROVISIONERS.glob("*/files/**/*")):
        if path.is_file() and (path.suffix == ".py" or _starts_python(path)):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def _starts_python(path: Path) -> bool:
    with path.open("rb") as stream:
        return re.match(rb"#!.*\bpython3?\b", stream.readline()) is not None


def calls(attribute: str) -> Iterator[ast.Call]:
    """Of methods (and of functions of modules) of that name, in all programs."""
    for _, tree in programs():
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == attribute
            ):
                yield node


def mentioned(pattern: str) -> set[str]:
    """What of all texts of provisioners matches."""
    return {
        found
        for path in PROVISIONERS.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
        for found in re.findall(pattern, path.read_text(encoding="utf-8"))
    }


@pytest.mark.parametrize(
    "path",
    [
        image_contract.CONTRACT_FILE,
        image_contract.USERS_PROGRAM,
        image_contract.STATUS_PROGRAM,
        image_contract.KERNELS_PROGRAM,
        image_contract.HAND_OVER_PROGRAM,
        image_contract.TELL_PROGRAM,
    ],
)
def test_what_commands_call_and_read_is_on_the_image(path: str) -> None:
    (file,) = on_the_image(path)
    assert bool(file.stat().st_mode & 0o100) == (path != image_contract.CONTRACT_FILE)


@pytest.mark.parametrize("unit", image_contract.UNITS)
def test_units_whose_journal_is_shown_are_on_the_image(unit: str) -> None:
    assert len(on_the_image(f"/usr/lib/systemd/system/{unit}.service")) == 1


def test_the_machine_reads_the_two_files_of_the_user_data(launch: ModuleType) -> None:
    assert str(launch.LAUNCH_DATA) == image_contract.LAUNCH_FILE
    assert mentioned(r"/etc/hubsmith/[\w.]*launch[\w.]*") == {image_contract.LAUNCH_FILE}
    (sshd,) = on_the_image("/usr/share/hubsmith/boot/sshd.conf")
    assert image_contract.OPERATOR_KEYS_FILE in sshd.read_text(encoding="ascii").split()
    assert mentioned(r"/etc/hubsmith/[\w.]*keys[\w.]*") == {image_contract.OPERATOR_KEYS_FILE}


def test_the_launch_data_have_the_keys_that_the_machine_knows(launch: ModuleType) -> None:
    assert launch.SCHEMA == image_contract.LAUNCH_SCHEMA
    known = {*launch._FORMS, *launch._NUMBERS, *launch._SWITCHES}
    assert {field.name for field in fields(launch.Launch)} == known
    assert {"schema", *known} == set(get_type_hints(LaunchData))


def test_what_the_machine_needs_is_always_there(launch: ModuleType) -> None:
    needed = {key for key in launch._FORMS if key not in launch._MAY_BE_ABSENT}
    assert {"schema", *needed} == LaunchData.__required_keys__


def test_the_launch_data_have_the_types_that_the_machine_checks(launch: ModuleType) -> None:
    types = get_type_hints(LaunchData)
    assert {key for key, kind in types.items() if kind is str} == {*launch._FORMS}
    assert {key for key, kind in types.items() if kind is int} == {"schema", *launch._NUMBERS}
    assert {key for key, kind in types.items() if kind is bool} == {*launch._SWITCHES}


def test_the_machine_prints_what_an_upgrade_waits_for() -> None:
    (boot,) = on_the_image("/usr/lib/hubsmith/boot/__main__.py")
    (volume,) = on_the_image("/usr/lib/hubsmith/boot/volume.py")
    assert image_contract.BOOT_FAILED + "%s" in boot.read_text(encoding="utf-8")
    assert image_contract.WAITS_FOR_VOLUME.format("%s") in volume.read_text(encoding="utf-8")


LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)


@given(
    domain=st.tuples(st.lists(LABEL, min_size=1, max_size=6), st.sampled_from(["org", "ac.uk", "xn--p1ai"])),
    email=st.from_regex(
        r"[A-Za-z0-9_+%&=~-]{1,20}(\.[A-Za-z0-9_+%&=~-]{1,20}){0,2}@([a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?\.){1,3}[a-z]{2,9}",
        fullmatch=True,
    ),
    admin=st.from_regex(r"[a-z_][a-z0-9_-]{0,31}", fullmatch=True),
    hours=st.integers(1, 8760),
)
@example((["a" * 63, "b" * 63, "c" * 63, "d" * 57], "org"), "a@b.c", "_" + "z" * 31, 8760)
@example((["a"], "ac.uk"), "a@b.c", "_", 1)
def test_what_a_launch_accepts_the_machine_accepts(
    launch: ModuleType, domain: tuple[list[str], str], email: str, admin: str, hours: int
) -> None:
    hub = Hub.named(".".join([*domain[0], domain[1]]))
    wanted = Launch.model_validate({"email": email, "admin": admin, "first_password_hours": hours})
    data = {
        "schema": image_contract.LAUNCH_SCHEMA,
        "domain": hub.domain,
        "email": wanted.email,
        "admin": wanted.admin,
        "region": "us-gov-west-1",
        "ssm_prefix": hub.prefix,
        "volume_id": "vol-0123456789abcdef0",
        "first_password_hours": wanted.first_password_hours,
    }
    assert launch._problems(data) == []


def test_a_first_password_works_as_long_as_commands_take_for_usual(launch: ModuleType) -> None:
    assert launch.Launch().first_password_hours == image_contract.USUAL_PASSWORD_HOURS


def test_the_machine_writes_the_parameters_that_commands_read(
    program: Callable[[str], ModuleType],
) -> None:
    names = {
        node.args[0].value
        for node in calls("put")
        if len(node.args) == 2 and isinstance(node.args[0], ast.Constant)
    }
    assert names == {image_contract.HOST_KEYS, image_contract.BOOT_STATUS}
    assert program("hubsmith_machine.parameters").PASSWORD == image_contract.ADMIN_PASSWORD


def test_what_the_machine_says_of_its_boot_has_the_keys_that_commands_read(
    program: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress, sent = program("hubsmith_machine.progress"), {}
    monkeypatch.setattr(progress, "STATUS", tmp_path / "hubsmith" / "status.json")
    monkeypatch.setattr(progress, "INSTANCE_DATA", tmp_path / "nothing")
    parameters = type("Parameters", (), {"put": lambda _, name, value: sent.update({name: value})})
    progress.tell(parameters(), image_contract.READY, "fine", "acme")
    assert set(progress.told()) == set(image_contract.BOOT_STATUS_KEYS)
    assert list(sent) == [image_contract.BOOT_STATUS]


def test_a_boot_ends_in_the_phases_that_commands_know() -> None:
    phases = {
        node.args[1].value
        for node in calls("tell")
        if len(node.args) > 1 and isinstance(node.args[1], ast.Constant)
    }
    assert {image_contract.READY, image_contract.FAILED} <= phases


def test_the_verbs_that_need_a_newer_image_are_verbs() -> None:
    (program,) = on_the_image(image_contract.USERS_PROGRAM)
    verbs = next(
        {key.value for key in node.value.keys if isinstance(key, ast.Constant)}
        for node in ast.parse(program.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Dict)
        and [target.id for target in node.targets if isinstance(target, ast.Name)] == ["_VERBS"]
    )
    asked = {what.removeprefix("users --") for what in image_contract.SINCE if what.startswith("users --")}
    assert asked <= verbs
    assert {"list", "add"} <= verbs
