"""Look at `invoke`'s words before Invoke does: unknown words and options, and the list of commands.

Invoke lets its own options stand behind a command as well: `invoke prune --dry` would print what it would
call, call nothing, and end with 0. Here a command takes its own options, and -h.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence

from invoke import Collection, ParserContext

from build.commands.command import Command
from build.errors import UserError
from build.report.reporter import Reporter

HELP = ("-h", "--help")
_LIST = ("-l", "--list")
_NOT_OURS = ("--", "--complete", "--print-completion-script")

Groups = Mapping[str, Mapping[str, Command]]
"""title -> name as it is typed -> command"""
Contexts = Mapping[str, ParserContext]


def prepare(arguments: Sequence[str], namespace: Collection, groups: Groups) -> None:
    """Print the list of commands, or refuse what no command has; then the process ends.

    Otherwise Invoke goes on.
    """
    if len(arguments) == 1 and arguments[0] in _LIST:
        Reporter().result("\n".join(listing(groups)))
        raise SystemExit(0)
    try:
        check(
            arguments,
            {str(name): each for each in namespace.to_contexts() for name in (each.name, *each.aliases)},
        )
    except UserError as exc:
        Reporter().failure(exc)
        raise SystemExit(exc.exit_code) from None


def listing(groups: Groups) -> Iterator[str]:
    """The commands in groups, a line each, within 80 columns."""
    width = max(len(name) for commands in groups.values() for name in commands)
    yield "usage: invoke COMMAND [OPTION]...   (invoke COMMAND -h lists the options)"
    for title, commands in groups.items():
        yield f"\n{title}"
        yield from (f"  {name:{width}}  {each.summary}" for name, each in commands.items())


def check(arguments: Sequence[str], commands: Contexts) -> None:
    """Raises UserError for the first word or option that the command before it does not have.

    What stands before the first command is Invoke's own.
    """
    command: ParserContext | None = None
    words = iter(arguments)
    for place, word in enumerate(words):
        if word in _NOT_OURS:
            return
        if word in commands:
            command = commands[word]
        elif word.startswith("-"):
            if command is not None and word not in HELP:
                _check_option(command, word)
                if _takes_next(command, word):
                    next(words, None)
        elif command is not None or place == 0:
            raise UserError(
                f"{word}: not a command", hint=_nearest(word, commands, "`invoke --list` shows the commands")
            )


def _check_option(command: ParserContext, word: str) -> None:
    option = word.partition("=")[0]
    if option in command.flags or option in command.inverse_flags:
        return
    letters = "" if word.startswith("--") else option[1:]  # -cVALUE is -c VALUE, -yn is -y -n
    if len(letters) > 1 and (
        _takes_next(command, f"-{letters[0]}") or all(f"-{letter}" in command.flags for letter in letters)
    ):
        return
    hint = _nearest(
        option,
        [flag for flag in command.flags if flag.startswith("--")],
        f"`invoke {command.name} -h` lists its options",
    )
    raise UserError(f"invoke {command.name} has no option {option}", hint=hint)


def _takes_next(command: ParserContext, word: str) -> bool:
    """Whether the value of an option is the next word."""
    return word in command.flags and bool(command.flags[word].takes_value)


def _nearest(word: str, known: Sequence[str] | Contexts, otherwise: str) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {near[0]}?" if near else otherwise
