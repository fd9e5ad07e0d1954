"""Look at `invoke`'s words before Invoke does: unknown words and options, and the list of commands.

Invoke lets its own options stand behind a command as well: `invoke prune --dry` would print what it would
call, call nothing, and end with 0. Here a command takes its own options, and -h.
"""

from __future__ import annotations

import difflib
import re
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence

from invoke import Collection, ParserContext

from build import VERSION
from build.commands.command import Command
from build.errors import UserError
from build.report.reporter import Reporter

HELP = ("-h", "--help")
_LIST = ("-l", "--list")
_NOT_OURS = ("--", "--complete", "--print-completion-script")
_HARMLESS = ("--no-dedupe", "-d", "--debug", *_LIST)
_WITH_VALUE = ("-f", "--config", "-r", "--search-root", "-D", "--list-depth", "-F", "--list-format")
"""Options of Invoke's own that may stand before a command. The others do nothing, or not what they say: with
--dry a command would do all that it does without.
"""

Groups = Mapping[str, Mapping[str, Command]]
"""title -> name as it is typed -> command"""
Contexts = Mapping[str, ParserContext]


def prepare(arguments: Sequence[str], namespace: Collection, groups: Groups) -> None:
    """Print the list of commands, or refuse what no command has; then the process ends.

    Otherwise Invoke goes on.
    """
    if not arguments or (len(arguments) == 1 and arguments[0] in (*_LIST, "help")):
        Reporter().result("\n".join(listing(groups)))
        raise SystemExit(0)
    if any(word in HELP for word in _before_dashes(arguments)):
        # Invoke prints it, and then the process ends: with `| head` quietly, as other programs do.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        check(
            arguments,
            {str(name): each for each in namespace.to_contexts() for name in (each.name, *each.aliases)},
        )
    except UserError as exc:
        Reporter().failure(exc)
        raise SystemExit(exc.exit_code) from None


def _before_dashes(arguments: Sequence[str]) -> Sequence[str]:
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def listing(groups: Groups) -> Iterator[str]:
    """The version, and the commands in groups, a line each, within 80 columns."""
    width = max(len(name) for commands in groups.values() for name in commands)
    yield f"Hubsmith {VERSION}"
    yield "usage: invoke COMMAND [OPTION]...   (invoke COMMAND -h lists the options)"
    for title, commands in groups.items():
        yield f"\n{title}"
        yield from (f"  {name:{width}}  {each.summary}" for name, each in commands.items())


def check(arguments: Sequence[str], commands: Contexts) -> None:
    """Raises UserError for the first word or option that the command before it does not have.

    Also for an option that lacks its value, or has one of another kind.

    What stands before the first command is Invoke's own; of that only what changes nothing is let through.
    """
    command: ParserContext | None = None
    words = list(arguments)
    while words:
        word = words.pop(0)
        if word in _NOT_OURS:
            return
        if word in commands:
            command = commands[word]
        elif command is None:
            _check_before_commands(word, words, commands)
        elif not word.startswith("-"):
            raise UserError(f"{word}: not a command", hint=_hint_for_word(word, command, commands))
        elif word not in HELP:
            _check_option(command, word)
            _check_value(command, word, words)


def _check_before_commands(word: str, words: list[str], commands: Contexts) -> None:
    """The command, or an option of Invoke's that needs no more than to be there."""
    if not word.startswith("-"):
        raise UserError(f"{word}: not a command", hint=_nearest_command(word, commands))
    option, equals, _ = word.partition("=")
    if option in _WITH_VALUE and not equals and words:
        words.pop(0)
    elif option not in (*_HARMLESS, *_WITH_VALUE, *HELP):
        raise UserError(
            f"invoke has no option {option} before a command",
            hint="options go after the command: `invoke COMMAND -h` lists them",
        )


def _hint_for_word(word: str, command: ParserContext, commands: Contexts) -> str:
    if word.endswith((".yaml", ".yml")) and "--manifest" in command.flags:
        return f"did you mean --manifest {word}?"
    if "." in word and "--domain" in command.flags and not _near(word, commands):
        return f"did you mean --domain {word}?"
    return _nearest_command(word, commands)


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


def _check_value(command: ParserContext, word: str, words: list[str]) -> None:
    """Take the value of an option from the words, and look at it."""
    option, equals, value = word.partition("=")
    if not word.startswith("--") and len(word) > 2 and not equals:
        option, value = word[:2], word[2:]  # -cVALUE, or -yn
        if not _takes_next(command, option):
            return
    elif not _takes_next(command, option):
        if equals:
            raise UserError(f"{option} takes no value", hint=f"`invoke {command.name} -h` lists the options")
        return
    elif not equals:
        value = words.pop(0) if words and not _is_option(command, words[0]) else ""
    if not value:
        raise UserError(f"{option} needs a value", hint=_usage(command, option))
    if command.flags[option].kind is int and not re.fullmatch(r"[+-]?\d+", value):
        raise UserError(f"{option} {value}: should be a whole number", hint=_usage(command, option))


def _is_option(command: ParserContext, word: str) -> bool:
    """Whether a word is an option rather than a value that begins with a dash."""
    name = word.partition("=")[0]
    return name in command.flags or name in command.inverse_flags or name in HELP


def _usage(command: ParserContext, option: str) -> str:
    """The option with its value, and what it is for."""
    return f"{option} {command.flags[option].help or 'VALUE'}"


def _takes_next(command: ParserContext, word: str) -> bool:
    """Whether the value of an option is the next word."""
    return word in command.flags and bool(command.flags[word].takes_value)


def _nearest_command(word: str, commands: Contexts) -> str:
    """By the name that `invoke --list` shows: an alias is not in it, and would start a build."""
    near = _near(word, commands)
    return f"did you mean {commands[near[0]].name}?" if near else "`invoke --list` shows the commands"


def _nearest(word: str, known: Sequence[str], otherwise: str) -> str:
    near = _near(word, known)
    return f"did you mean {near[0]}?" if near else otherwise


def _near(word: str, known: Iterable[str]) -> list[str]:
    return difflib.get_close_matches(word, list(known), n=1)
