"""What `invoke users` would change, worked out before anything is: from the names and from who is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from build.errors import UserError
from build.operate import user_list

COLUMNS = ("user", "change")


@dataclass(frozen=True)
class Changes:
    """Names to add, to give a new password and to remove."""

    add: tuple[str, ...] = ()
    reset: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()

    @classmethod
    def wanted(cls, add: Iterable[str], file: str, reset: Iterable[str], remove: Iterable[str]) -> Changes:
        """Those of the options, each once. Raises UserError for names that nobody can have."""
        given = {"--add": [*add], "--reset": [*reset], "--remove": [*remove]}
        for option, names in given.items():
            for name in names:
                if complaint := user_list.problem(name):
                    raise UserError(f"{option} {name}: {complaint}")
        listed = user_list.read(file) if file else ()
        made = cls(*map(_each_once, ((*given["--add"], *listed), given["--reset"], given["--remove"])))
        twice = sorted(set(made.remove) & {*made.add, *made.reset})
        if twice:
            raise UserError(f"--remove {twice[0]}: the same name is to be added or to get a new password")
        return made

    @property
    def any(self) -> bool:
        """Whether anything is to be changed."""
        return bool(self.add or self.reset or self.remove)


def _each_once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def rows(changes: Changes, people: Sequence[Mapping[str, object]]) -> list[tuple[str, str]]:
    """Each name and what happens to it; `people` is what `users list --json` says.

    Raises UserError with every name that cannot be reset or removed: nothing is to be changed then.
    """
    states = {str(each["name"]): str(each["state"]) for each in people}
    added = dict.fromkeys(changes.add, "open")
    missing = [name for name in (*changes.reset, *changes.remove) if name not in states | added]
    closed = [name for name in changes.reset if (states | added).get(name) == "closed"]
    if missing or closed:
        told = [f"there is no user {name}" for name in missing]
        told += [f"{name} was removed: add the name again" for name in closed]
        raise UserError("\n".join(told), hint="nothing was changed; `invoke users --list` shows who is there")
    passwords = {str(each["name"]) for each in people if each.get("password")}
    return [
        *((name, _of_adding(name, states, passwords)) for name in changes.add),
        *((name, "new password; servers and logins end") for name in changes.reset),
        *((name, "remove; the files stay") for name in changes.remove),
    ]


def _of_adding(name: str, states: Mapping[str, str], passwords: set[str]) -> str:
    if name not in states:
        return "add"
    if states[name] == "closed":
        return "open again, with a new password"
    return "nothing: is there already" if name in passwords else "first password"
