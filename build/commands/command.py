"""What every command has in common: letters set by hand, and a first line that fits a list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from invoke import Argument, Task, task

SHORT = {
    "cloud": "c",
    "manifest": "m",
    "profile": "p",
    "set": "s",
    "verbose": "v",
    "yes": "y",
    "dry-run": "n",
}
"""Options with a letter, the same in every command. -h is --help everywhere, so no option may have it."""

_Body = Callable[..., None]


class Command(Task[_Body]):
    """A task of Invoke's whose options have only the letters of SHORT: Invoke would take any free one."""

    def arg_opts(self, name: str, default: Any, taken_names: set[str]) -> dict[str, Any]:  # noqa: ANN401  # as Invoke has it
        """What Invoke makes an option of."""
        options: dict[str, Any] = super().arg_opts(name, default, taken_names)
        if letter := SHORT.get(options["names"][0]):
            options["names"] = (*options["names"], letter)
        return options

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """The options. Invoke takes the help out of the task as it reads it; here it can be read again."""
        kept = dict(self.help)
        try:
            return list(super().get_arguments(ignore_unknown_help))
        finally:
            self.help = kept

    @property
    def summary(self) -> str:
        """The first line of the docstring, for a list of commands."""
        return (self.body.__doc__ or "").strip().partition("\n")[0]


def command(**settings: Any) -> Callable[[_Body], Command]:  # noqa: ANN401  # those of invoke.task
    """A command; its function's first parameter is Invoke's context."""
    made: Callable[[_Body], Command] = task(klass=Command, auto_shortflags=False, **settings)
    return made
