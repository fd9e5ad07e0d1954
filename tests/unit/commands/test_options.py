"""The options of a manifest and a cloud are said once, and arrive as they were given."""

from __future__ import annotations

from pathlib import Path

import pytest
from invoke import Collection, Program

from build.commands.options import ManifestOptions, manifest_task
from tasks import namespace

SHARED = {"manifest", "cloud", "profile", "set"}


@pytest.fixture
def given() -> list[tuple[ManifestOptions, list[str] | None, bool]]:
    return []


@pytest.fixture
def program(given: list[tuple[ManifestOptions, list[str] | None, bool]]) -> Program:
    @manifest_task(iterable=["name"], help={"name": "who", "loud": "or not", "cloud": "which one"})
    def greet(choice: ManifestOptions, name: list[str] | None = None, loud: bool = False) -> None:
        """Say hello."""
        given.append((choice, name, loud))

    return Program(namespace=Collection(greet))


def test_what_is_given_arrives(
    program: Program, given: list[tuple[ManifestOptions, list[str] | None, bool]]
) -> None:
    line = "invoke greet --manifest a.yaml --cloud aws --profile x --profile y --set a=b --name ada --loud"
    program.run(line.split(), exit=False)
    assert given == [(ManifestOptions("a.yaml", "aws", ["x", "y"], ["a=b"]), ["ada"], True)]


def test_nothing_has_to_be_given(
    program: Program, given: list[tuple[ManifestOptions, list[str] | None, bool]]
) -> None:
    program.run(["invoke", "greet"], exit=False)
    assert given == [(ManifestOptions("manifest.yaml", "", [], []), [], False)]


def test_help_tells_all_of_them_and_a_command_may_say_more(
    program: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    program.run(["invoke", "greet", "--help"], exit=False)
    out = capsys.readouterr().out
    assert "Say hello." in out
    for line in (
        "-m STRING, --manifest=STRING   FILE  The manifest to read",
        "--cloud=STRING      which one",
        "  --name",
        "  --loud",
    ):
        assert line in out


def test_it_loads_the_manifest_they_ask_for() -> None:
    shipped = str(Path(__file__).parents[3] / "manifest.yaml")
    found = ManifestOptions(shipped, "aws", None, ["image.name=other", "python.accept_terms=true"]).load()
    assert (found.cloud, found.image.name, found.profiles) == ("aws", "other", ("aws",))


def test_every_command_that_reads_a_manifest_has_all_of_them() -> None:
    found = {
        name: {argument.name for argument in command.get_arguments()}
        for name, command in namespace.tasks.items()
    }
    assert {name for name, options in found.items() if not options >= SHARED} == set()
    assert len(found) > 10
