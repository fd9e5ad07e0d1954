"""Whatever is given to an option, a command ends with words and an exit code, never with a traceback."""

from __future__ import annotations

import importlib
import pkgutil
import random
from collections.abc import Iterator

import pytest
from invoke import Program

from build import commands
from build.aws import session
from build.commands import command_line
from build.errors import HubsmithError, UserError
from localcloud import base_image
from localcloud.server import control
from tasks import namespace

CONTEXTS = {str(name): each for each in namespace.to_contexts() for name in (each.name, *each.aliases)}
VALUES = (
    "x",
    "a\nb",
    "../x",
    "é",
    "-1",
    "9" * 20,
    "/",
    "a=b",
    "[",
    "{}",
    "a.b=c",
    "image.name=[",
    "x" * 5000,
    "\u202e",
    "$(id)",
    "/dev/null",
    "~",
    "provisioners.0.name=x",
    "cloud=[]",
    " ",
    "\t",
)


def lines() -> Iterator[list[str]]:
    """Each option of each command with two of the values, and what else the command needs."""
    chance = random.Random(20261129)
    for name, context in CONTEXTS.items():
        options = [flag for flag, each in context.flags.items() if each.takes_value and flag.startswith("--")]
        needed = [("--domain", "a.example.test")] if "--domain" in context.flags else []
        if name == "launch":
            needed.append(("--email", "you@your-university.edu"))
        if name == "schedule":
            needed += [("--every", "Mon 03:00"), ("--on", "cron")]
        for option in options:
            others = [word for pair in needed if pair[0] != option for word in pair]
            show = ["--show"] if name == "schedule" else []
            yield from ([name, *show, *others, option, value] for value in chance.sample(VALUES, 2))


@pytest.fixture
def connected_to_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """Commands end where they would ask a cloud."""

    def stop(*_: object, **__: object) -> None:
        raise HubsmithError("connected")

    for found in pkgutil.iter_modules(commands.__path__):
        module = importlib.import_module(f"build.commands.{found.name}")
        for name in {"connect_to", "local_cloud"} & vars(module).keys():
            monkeypatch.setattr(module, name, stop)
    for module, name in (
        (control, "ensure_up"),
        (control, "down"),
        (control, "reset"),
        (base_image, "ensure"),
    ):
        monkeypatch.setattr(module, name, stop)
    monkeypatch.setattr(session, "connect", stop)
    monkeypatch.setattr(session, "cloudformation", stop)
    monkeypatch.setenv("HUBSMITH_STATE", f"{tmp_path}/state")


@pytest.mark.usefixtures("connected_to_nothing")
def test_it_ends_with_words(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = []
    for line in lines():
        try:
            command_line.check(line, CONTEXTS)
            Program(namespace=namespace).run(["invoke", *line])
            code = 0
        except UserError as error:
            code = error.exit_code
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = "".join(capsys.readouterr())
        if code not in (0, 1, 2, 3) or "this is a bug" in said or "Traceback" in said or "No idea" in said:
            wrong.append((line, code, said[-300:]))
    assert wrong == []
