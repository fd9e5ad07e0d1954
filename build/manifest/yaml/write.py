"""Writing YAML for people: keys in the order given, texts of several lines as blocks, no folded lines."""

from __future__ import annotations

import yaml

_NEVER_FOLDED = 2**20


class Block(str):
    """A text shown as a literal block though it may have one line only."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    pass


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if isinstance(text, Block) or "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style=style)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(Block, _text)


def as_text(document: object, *, ascii_only: bool = False) -> str:
    """The document as YAML; ``ascii_only`` escapes all other characters."""
    text: str = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=not ascii_only, width=_NEVER_FOLDED
    )
    return text
