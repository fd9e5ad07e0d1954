"""What every command has in common: letters, help, and what it refuses."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from invoke import Argument, Program

from build import VERSION
from build.commands import command_line
from build.commands.command import SHORT, Command
from build.errors import UserError
from tasks import GROUPS, namespace
from tests.conftest import REPO

COMMANDS = {name: each for commands in GROUPS.values() for name, each in commands.items()}
CONTEXTS = {str(name): each for each in namespace.to_contexts() for name in (each.name, *each.aliases)}
BEHIND = "options go after the command: `invoke COMMAND -h` lists them"
INVOKE = Path(sys.executable).with_name("invoke")


def options() -> Iterator[tuple[str, Argument]]:
    for name, each in COMMANDS.items():
        yield from ((name, argument) for argument in each.get_arguments())


def test_the_list_has_every_command_on_a_line_that_fits_a_terminal() -> None:
    lines = list(command_line.listing(GROUPS))
    assert max(map(len, lines)) <= 80
    listed = [line.split()[0] for line in lines if line.startswith("  ")]
    assert sorted(listed) == sorted(set(CONTEXTS) - {"build", "bake"})
    assert all(isinstance(each, Command) and each.summary.endswith(".") for each in COMMANDS.values())


def test_letters_are_the_same_in_every_command_and_none_is_that_of_help() -> None:
    names = {argument.names for _, argument in options() if len(argument.names) > 1}
    assert names == set(SHORT.items())
    assert "h" not in SHORT.values()


def test_the_help_of_an_option_begins_with_its_value() -> None:
    wrong = [
        f"{name} --{argument.name}: {argument.help}"
        for name, argument in options()
        if argument.takes_value != bool(re.match(r"[^a-z ]+  |[A-Za-z]+(\|[a-z]+)+  ", argument.help or ""))
        or not argument.help
    ]
    assert wrong == []


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_a_terminal(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    Program(namespace=namespace).run(["invoke", name, "-h"], exit=False)
    out = capsys.readouterr().out
    assert COMMANDS[name].summary in out
    assert [line for line in out.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize(
    ("line", "told", "hint"),
    [
        # which Invoke itself has
        ("prune --dry", "invoke prune has no option --dry", "did you mean --dry-run?"),
        ("prune -e", "invoke prune has no option -e", "`invoke prune -h` lists its options"),
        ("prune -yx", "invoke prune has no option -yx", "`invoke prune -h` lists its options"),
        ("images --jsn", "invoke images has no option --jsn", "did you mean --json?"),
        (
            "launch hub.example.org",
            "hub.example.org: not a command",
            "did you mean --domain hub.example.org?",
        ),
        ("launch cloud.upp", "cloud.upp: not a command", "did you mean cloud.up?"),
        ("images hub.example.org", "hub.example.org: not a command", "`invoke --list` shows the commands"),
        ("lanch --domain x", "lanch: not a command", "did you mean launch?"),
        # by the name in the list, not by an alias
        ("buld", "buld: not a command", "did you mean build-ami?"),
        ("bakee", "bakee: not a command", "did you mean build-ami?"),
        (
            "plan images --no-such",
            "invoke images has no option --no-such",
            "`invoke images -h` lists its options",
        ),
        ("check manifest.yaml", "manifest.yaml: not a command", "did you mean --manifest manifest.yaml?"),
        ("cloud up", "cloud: not a command", "did you mean cloud.up?"),
        *(
            (f"{option} cloud.reset --yes", f"invoke has no option {option} before a command", BEHIND)
            for option in ("--dry", "-R", "-c", "-e", "-w", "--dry-run", "-p", "--manifst")
        ),
    ],
)
def test_what_a_command_does_not_have_is_refused(line: str, told: str, hint: str) -> None:
    with pytest.raises(UserError) as caught:
        command_line.check(line.split(), CONTEXTS)
    assert (caught.value.message, caught.value.hint) == (told, hint)


@pytest.mark.parametrize(
    "line",
    [
        "prune -yn", "prune -y -n -cloud", "prune -claws", "prune -c aws --set a=b --set=c=d", "prune -h",
        "launch --help",
        "ssh --domain x --command -la", "plan images", "--no-dedupe plan", "cloud.up --base tiny", "build -v",
        "--complete -- launch --do", "-d check", "-f x.py check", "verify --port 22", "verify --port=22",
    ],
)  # fmt: skip
def test_what_it_has_is_not(line: str) -> None:
    command_line.check(line.split(), CONTEXTS)


PROFILE = "NAME  Apply this profile of the manifest; can be repeated"
LINES = "NUMBER  How many of the last lines (default: 200)"


@pytest.mark.parametrize(
    ("line", "told", "hint"),
    [
        ("check --profile", "--profile needs a value", f"--profile {PROFILE}"),
        ("check --profile --cloud local", "--profile needs a value", f"--profile {PROFILE}"),
        ("check --profile -h", "--profile needs a value", f"--profile {PROFILE}"),
        ("check --profile=", "--profile needs a value", f"--profile {PROFILE}"),
        ("check -p", "-p needs a value", f"-p {PROFILE}"),
        ("logs --lines many", "--lines many: should be a whole number", f"--lines {LINES}"),
        ("logs --lines=50GB", "--lines 50GB: should be a whole number", f"--lines {LINES}"),
        ("prune --yes=no", "--yes takes no value", "`invoke prune -h` lists the options"),
    ],
)
def test_a_value_that_is_missing_or_no_number_is_refused(line: str, told: str, hint: str) -> None:
    with pytest.raises(UserError) as caught:
        command_line.check(line.split(), CONTEXTS)
    assert (caught.value.message, caught.value.hint) == (told, hint)


def test_an_empty_value_is_none() -> None:
    with pytest.raises(UserError, match="--profile needs a value"):
        command_line.check(["check", "--profile", ""], CONTEXTS)


def test_every_option_with_a_value_is_refused_without_one() -> None:
    for name, argument in options():
        if argument.takes_value:
            option = f"--{str(argument.name).strip('_').replace('_', '-')}"
            with pytest.raises(UserError, match="needs a value"):
                command_line.check([name, option], CONTEXTS)


def printed(*arguments: str) -> tuple[int, str]:
    done = subprocess.run([INVOKE, *arguments], cwd=REPO, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize("arguments", [(), ("help",), ("-l",)])
def test_who_does_not_know_what_to_type_gets_the_list(arguments: tuple[str, ...]) -> None:
    assert printed(*arguments) == (0, "\n".join(command_line.listing(GROUPS)) + "\n")


def test_the_list_begins_with_the_version_of_hubsmith() -> None:
    assert next(command_line.listing(GROUPS)) == f"Hubsmith {VERSION}"


def test_an_invoke_of_ones_own_is_told_whose_to_take(tmp_path: Path) -> None:
    """pipx has an Invoke without the libraries that commands need."""
    (tmp_path / "rich.py").write_text("raise ModuleNotFoundError(\"No module named 'rich'\", name='rich')\n")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [INVOKE, "check"], cwd=REPO, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: rich is not installed for this invoke\n"
        "hint: run `make setup`, then .venv/bin/invoke, or `make shell`\n"
    )


def test_invoke_asks_before_it_does_anything(tmp_path: Path) -> None:
    environment = os.environ | {"HUBSMITH_STATE": str(tmp_path)}
    done = subprocess.run(
        [INVOKE, "prune", "--dry"], cwd=REPO, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: invoke prune has no option --dry\nhint: did you mean --dry-run?\n"
    listed = subprocess.run(
        [INVOKE, "--list"], cwd=REPO, env=environment, capture_output=True, text=True, check=False
    )
    assert (listed.returncode, listed.stdout) == (0, "\n".join(command_line.listing(GROUPS)) + "\n")


def test_the_list_of_commands_loads_no_large_library() -> None:
    """Commands import what they need when they run: `invoke --list` with all took four times as long."""
    large = ("boto3", "botocore", "pydantic", "paramiko", "moto", "localcloud.server")
    program = f"import sys, tasks; print([name for name in {large!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPO, capture_output=True, text=True, check=False
    )
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize("arguments", ["status -h", "launch --help", "build-ami -h -m x.yaml"])
def test_help_that_is_not_read_to_its_end_is_no_error(arguments: str) -> None:
    """As with `| head`, which ends the pipe early; a reader that is gone from the start is the sure case."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = subprocess.run(
            [INVOKE, *arguments.split()],
            cwd=REPO,
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.stderr == ""


def test_a_command_that_is_not_only_help_cleans_up_whoever_reads_it() -> None:
    """SIGPIPE would end a build before its cleanup."""
    before = signal.getsignal(signal.SIGPIPE)
    command_line.prepare(["ssh", "--domain", "x", "--", "-h"], namespace, GROUPS)
    command_line.prepare(["status", "--domain", "hub.example.org"], namespace, GROUPS)
    assert signal.getsignal(signal.SIGPIPE) is before
