"""What `invoke users` would change, worked out before anything is: from the names and from who is there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from build.errors import UserError
from build.operate import user_list

COLUMNS = ("user", "change")
DISK_LIMIT = r"[1-9]\d*[MGT]|none|default"
"""How much disk space a user may have; default is the image's `hub.disk_limit`."""


@dataclass(frozen=True)
class Changes:
    """Names to add, to give a new password and to remove; ``limits`` are pairs of a name and a disk limit."""

    add: tuple[str, ...] = ()
    reset: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    limits: tuple[tuple[str, str], ...] = ()

    @classmethod
    def wanted(
        cls,
        add: Iterable[str],
        file: str,
        reset: Iterable[str],
        remove: Iterable[str],
        disk_limit: Iterable[str] = (),
    ) -> Changes:
        """Those of the options, each once. Raises UserError for names and limits that nobody can have."""
        given = {"--add": [*add], "--reset": [*reset], "--remove": [*remove]}
        for option, names in given.items():
            for name in names:
                if complaint := user_list.problem(name):
                    raise UserError(f"{option} {name}: {complaint}")
        listed = user_list.read(file) if file else ()
        made = cls(
            add=_each_once((*given["--add"], *listed)),
            reset=_each_once(given["--reset"]),
            remove=_each_once(given["--remove"]),
            limits=_limits(disk_limit),
        )
        twice = sorted(set(made.remove) & {*made.add, *made.reset})
        if twice:
            raise UserError(f"--remove {twice[0]}: --add, --from or --reset names this user too")
        return made

    @property
    def any(self) -> bool:
        """Whether anything is to be changed."""
        return bool(self.add or self.reset or self.remove or self.limits)


def _each_once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _limits(given: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """ada=50G, as the machine takes it (hubsmith_hub/disk_limits.py)."""
    found: dict[str, str] = {}
    for one in given:
        name, _, limit = one.partition("=")
        if complaint := user_list.problem(name):
            raise UserError(f"--disk-limit {one}: {complaint}")
        if not re.fullmatch(DISK_LIMIT, limit):
            raise UserError(
                f"--disk-limit {one}: after NAME= comes an amount such as 500M or 50G, none, or default"
            )
        if found.setdefault(name, limit) != limit:
            raise UserError(
                f"--disk-limit {one}: {name} has another limit earlier on the line ({found[name]})"
            )
    return tuple(found.items())


def rows(changes: Changes, people: Sequence[Mapping[str, object]]) -> list[tuple[str, str]]:
    """Each name and what happens to it; `people` is what `users list --json` says.

    Raises UserError with every name that cannot be reset or removed: nothing is to be changed then.
    """
    states = {str(each["name"]): str(each["state"]) for each in people}
    added = dict.fromkeys(changes.add, "open")
    limited = [name for name, _ in changes.limits]
    missing = [name for name in (*changes.reset, *changes.remove, *limited) if name not in states | added]
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
        *((name, f"disk limit {limit}") for name, limit in changes.limits),
    ]


def _of_adding(name: str, states: Mapping[str, str], passwords: set[str]) -> str:
    if name not in states:
        return "add"
    if states[name] == "closed":
        return "open again, with a new password"
    return "nothing: exists already" if name in passwords else "first password"
