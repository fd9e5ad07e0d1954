"""How a setting of the image and the same of a site become one: for each container, what its entries mean.

A site's entries are added and win; the image's others stay, also where a site has assigned the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class RefusedError(Exception):
    """A setting that cannot be taken, of that section and name."""

    def __init__(self, section: str, name: str, message: str) -> None:
        super().__init__(message)
        self.section, self.name = section, name


_OWN_SERVICES = ("operator", "restore-routes")
# Of these a unit can have several, and all hold; a property here is one line.
_DENIALS = ("InaccessiblePaths", "TemporaryFileSystem", "IPAddressDeny")


def _dictionary(ours: dict[str, Any], theirs: Any, section: str, name: str) -> dict[str, Any]:  # noqa: ANN401
    return {**ours, **_as(dict, theirs, section, name)}


def _nested(ours: dict[str, Any], theirs: Any, section: str, name: str) -> dict[str, Any]:  # noqa: ANN401
    result = dict(ours)
    for key, value in _as(dict, theirs, section, name).items():
        both = isinstance(value, Mapping) and isinstance(ours.get(key), Mapping)
        result[key] = _nested(ours[key], value, section, name) if both else value
    return result


def _properties(ours: dict[str, str], theirs: Any, section: str, name: str) -> dict[str, str]:  # noqa: ANN401
    """As systemd has it: a second line of a list of denials adds to it. Fewer of the same are meant so."""
    result = _dictionary(ours, theirs, section, name)
    for key in _DENIALS:
        before, after = ours.get(key, "").split(), str(result.get(key, "")).split()
        if not set(after) <= set(before):
            result[key] = " ".join(dict.fromkeys([*before, *after]))
    return result


def _by_name(ours: list[Any], theirs: Any, section: str, name: str) -> list[Any]:  # noqa: ANN401
    """Services and roles. The idle culler can be replaced; what `invoke users` needs cannot."""
    result = {entry["name"]: entry for entry in ours}
    for entry in _as(list, theirs, section, name):
        if not isinstance(entry, Mapping) or "name" not in entry:
            raise RefusedError(section, name, f"c.{section}.{name}: each needs a name: {{'name': …}}")
        if entry["name"] in _OWN_SERVICES and entry != result.get(entry["name"]):
            raise RefusedError(
                section, name, f"c.{section}.{name}: {entry['name']} is a name of the image's own"
            )
        result[entry["name"]] = entry
    return list(result.values())


def _first(ours: list[Any], theirs: Any, section: str, name: str) -> list[Any]:  # noqa: ANN401
    """Found before the image's."""
    found = _as(list, theirs, section, name)
    return [*(one for one in found if one not in ours), *ours]


def _last(ours: list[Any], theirs: Any, section: str, name: str) -> list[Any]:  # noqa: ANN401
    return [*ours, *(one for one in _as(list, theirs, section, name) if one not in ours)]


def _union(ours: set[Any], theirs: Any, section: str, name: str) -> set[Any]:  # noqa: ANN401
    return ours | _as(set, theirs, section, name)


def _behind_wrapper(ours: list[str], theirs: Any, section: str, name: str) -> list[str]:  # noqa: ANN401
    """The program that lets a server start with a full home stays in front."""
    found = _as(list, theirs, section, name)
    return found if found[:1] == ours[:1] else [*ours[:1], *found]


_KINDS: dict[type, str] = {dict: "a dictionary", list: "a list", set: "a set"}
_TAKEN: dict[type, tuple[type, ...]] = {
    dict: (Mapping,),
    list: (list, tuple),
    set: (set, frozenset, list, tuple),
}


def _as(kind: type, value: Any, section: str, name: str) -> Any:  # noqa: ANN401
    """The value as that; a list may also be given as a tuple, and a set as either."""
    if not isinstance(value, _TAKEN[kind]):
        raise RefusedError(
            section, name, f"c.{section}.{name} should be {_KINDS[kind]}, not {type(value).__name__}"
        )
    return kind(value)


JOINS: Mapping[str, Callable[[Any, Any, str, str], Any]] = {
    "environment": _dictionary,
    "unit_extra_properties": _properties,
    "tornado_settings": _nested,
    "services": _by_name,
    "load_roles": _by_name,
    "template_paths": _first,
    "template_vars": _dictionary,
    "extra_paths": _last,
    "cmd": _behind_wrapper,
    "blocked_users": _union,
    "admin_users": _union,
    "admin_groups": _union,
}
