"""What a machine publishes fits into SSM's parameters."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


class Parameters:
    """Keeps what is put."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def put(self, name: str, value: str) -> None:
        self.values[name] = value


@pytest.fixture
def told(program: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    progress = program("hubsmith_machine.progress")
    monkeypatch.setattr(progress, "STATUS", tmp_path / "status.json")

    def tell(message: str) -> str:
        parameters = Parameters()
        progress.tell(parameters, "failed", message)
        return parameters.values["status"]

    return tell


@pytest.mark.parametrize("character", ["x", "ä", "😀", "\x00", '"'])
def test_a_status_fits_whatever_its_message_is_made_of(told: Callable[[str], str], character: str) -> None:
    value = told(character * 5000)
    message = json.loads(value)["message"]
    assert len(value.encode()) <= 4096
    assert message
    assert message == character * len(message)


def test_a_message_that_looks_like_a_reference_is_published_as_it_is(told: Callable[[str], str]) -> None:
    value = told("no {{ssm:disk}}, no {{{hub}}}")
    assert "{{" not in value
    assert json.loads(value)["message"] == "no {{ssm:disk}}, no {{{hub}}}"


def test_host_keys_that_are_too_many_are_left_out(program: Callable[[str], ModuleType]) -> None:
    parameters = program("hubsmith_machine.parameters")
    few = ["ssh-ed25519 AAAA", "ssh-rsa BBBB"]
    assert parameters.as_lines(few) == "\n".join(few)
    many = ["a" * 3000, "b" * 3000, "c" * 10]
    assert parameters.as_lines(many) == f"{many[0]}\n{many[2]}"
