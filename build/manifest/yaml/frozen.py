"""Values nobody can change: read-only mappings and tuples, all the way down, and back again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value", covariant=True)


class FrozenMap(Mapping[Key, Value]):
    """A mapping that cannot be changed; unlike types.MappingProxyType it can be copied and pickled."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[Key, Value]) -> None:
        self._items = dict(items)

    def __getitem__(self, key: Key) -> Value:
        return self._items[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)

    def __deepcopy__(self, memo: object) -> FrozenMap[Key, Value]:
        return self


def freeze_map(value: Mapping[Key, object]) -> FrozenMap[Key, object]:
    """A read-only copy of a mapping, frozen all the way down."""
    return FrozenMap({key: freeze(item) for key, item in value.items()})


def freeze(value: object) -> object:
    """Mappings as read-only mappings, lists as tuples, all the way down."""
    if isinstance(value, Mapping):
        return freeze_map(value)
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in value)
    return value


def to_plain(value: object) -> object:
    """The opposite of freeze: plain dicts and lists, as JSON and Jinja2 want them."""
    if isinstance(value, Mapping):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return value
