"""Manifests by the thousand, made from the schema, each with one mistake.

It is told at its line and column, with exit code 2, and never by a traceback.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from build.errors import ManifestError
from build.manifest import ManifestFile, load
from build.manifest.yaml.frozen import to_plain
from build.manifest.yaml.messages import annotation_at, keys_at

SEED, COUNT = 20261129, 1002
Path_ = tuple[str, ...]
Place = tuple[int, int]
RULELESS = {
    ("base", "name"),
    ("image", "description"),
    ("tests", "pytest_args"),
    ("image", "tags"),
    ("publish", "tags"),
    ("hub", "environment"),
}
"""Of text that may be anything, or of a mapping with keys of one's own."""
TEXT_OR_LIST = {("builder", "caller_cidr")}
"""A mistake in such a list is told at its item."""


@dataclass
class Written:
    """A manifest as text, and where each key and value stands."""

    lines: list[str] = field(default_factory=list)
    keys: dict[Path_, Place] = field(default_factory=dict)
    values: dict[Path_, Place] = field(default_factory=dict)


@dataclass
class Writer:
    """Writes a mapping in one of the many ways in which YAML allows it."""

    chance: random.Random
    out: Written = field(default_factory=Written)

    def mapping(self, value: dict[str, Any], path: Path_ = (), indent: str = "") -> None:
        deeper = indent + " " * self.chance.choice((1, 2, 4))
        for key, item in value.items():
            self._noise()
            here = (*path, key)
            typed = self.chance.choice((key, key, f'"{key}"', f"'{key}'"))
            self.out.keys[here] = (len(self.out.lines) + 1, len(indent) + 1)
            if isinstance(item, dict) and item and self.chance.random() < 0.8:
                self.out.lines.append(f"{indent}{typed}:{self._comment()}")
                self.mapping(item, here, deeper)
                continue
            start = f"{indent}{typed}:" + " " * self.chance.choice((1, 1, 3))
            self.out.values[here] = (len(self.out.lines) + 1, len(start) + 1)
            line = self._flow(item, here, start) + self._comment()
            self.out.lines.append(line)

    def _flow(self, item: object, path: Path_, start: str) -> str:
        """`start` and the value behind it, on one line."""
        if isinstance(item, dict):
            text = start + "{"
            for number, (key, inner) in enumerate(item.items()):
                here = (*path, key)
                text += ", " * bool(number)
                self.out.keys[here] = (len(self.out.lines) + 1, len(text) + 1)
                text += f"{key}: "
                self.out.values[here] = (len(self.out.lines) + 1, len(text) + 1)
                text = self._flow(inner, here, text)
            return text + "}"
        return start + self._scalar(item)

    def _scalar(self, item: object) -> str:
        if isinstance(item, Raw):
            return item.text
        if isinstance(item, list):
            return "[" + ", ".join(self._scalar(each) for each in item) + "]"
        if isinstance(item, str):
            return "'" + item.replace("'", "''") + "'"
        return str(item).lower() if isinstance(item, bool) else "null" if item is None else str(item)

    def _noise(self) -> None:
        if self.chance.random() < 0.2:
            self.out.lines.append(self.chance.choice(("", "# a comment: with a colon", "   # and one")))

    def _comment(self) -> str:
        return self.chance.choice(("", "", "", "   # why"))


@dataclass(frozen=True)
class Raw:
    """What is typed as it is."""

    text: str


def whole() -> dict[str, Any]:
    """Every key of the schema with a value that is right."""
    example = {"image": {"name": "hub"}, "provisioners": ("base",), "base": {"owner": "self", "name": "x-*"}}
    value: Any = to_plain(ManifestFile.model_validate(example).model_dump())
    value["provisioners"] = ["base"]
    del value["profiles"]
    for key in ("ssm_parameter", "id"):
        del value["base"][key]
    return dict(value)


def leaves(value: dict[str, Any], path: Path_ = ()) -> Iterator[Path_]:
    """The paths of all values that are no sections of the schema."""
    for key, item in value.items():
        here = (*path, key)
        section = annotation_at(ManifestFile, here)
        if isinstance(item, dict) and isinstance(section, type) and issubclass(section, BaseModel):
            yield from leaves(item, here)
        else:
            yield here


def sections(value: dict[str, Any], path: Path_ = ()) -> Iterator[Path_]:
    yield path
    for key, item in value.items():
        here = (*path, key)
        section = annotation_at(ManifestFile, here)
        if isinstance(item, dict) and isinstance(section, type) and issubclass(section, BaseModel):
            yield from sections(item, here)


def at(value: dict[str, Any], path: Path_) -> Any:  # whatever stands there
    for part in path:
        value = value[part]
    return value


def thinned(value: dict[str, Any], chance: random.Random, kept: Path_) -> dict[str, Any]:
    """Some of the keys, in another order; those on the way to `kept` stay."""
    needed = {"image", "name", "provisioners", "base", "owner"}
    keys = [key for key in value if key in needed or key in kept[:1] or chance.random() < 0.5]
    chance.shuffle(keys)
    return {
        key: thinned(value[key], chance, kept[1:] if key in kept[:1] else ())
        if isinstance(value[key], dict)
        else value[key]
        for key in keys
    }


Mistake = Callable[[dict[str, Any], random.Random], tuple[Path_, bool]]
"""Puts one mistake into a manifest: its path, and whether its key is where to look."""


def wrong_type(value: dict[str, Any], chance: random.Random) -> tuple[Path_, bool]:
    path = chance.choice([path for path in leaves(value) if path not in RULELESS])
    wrong = (
        ("7", "true", "2026-11-29")
        if isinstance(at(value, path), list) or path in TEXT_OR_LIST
        else ("[[]]", "[a]", "2026-11-29")
    )
    at(value, path[:-1])[path[-1]] = Raw(chance.choice(wrong))
    return path, False


def not_a_number(value: dict[str, Any], chance: random.Random) -> tuple[Path_, bool]:
    numbers = [path for path in leaves(value) if type(at(value, path)) is int]
    path = chance.choice(numbers)
    wrong = ("020", "3:00", "1.5", "many", "'7'", "true", "-1", "99999999999", ".inf", "0x", "1e3")
    at(value, path[:-1])[path[-1]] = Raw(chance.choice(wrong))
    return path, False


def against_a_rule(value: dict[str, Any], chance: random.Random) -> tuple[Path_, bool]:
    texts = [path for path in leaves(value) if isinstance(at(value, path), str) and path not in RULELESS]
    path = chance.choice(texts)
    at(value, path[:-1])[path[-1]] = Raw(chance.choice(('"a\\nb"', '"\\u00fc;$(id)"', '"` \'x"', '"a\\0b"')))
    return path, False


def unknown_key(value: dict[str, Any], chance: random.Random) -> tuple[Path_, bool]:
    path = chance.choice(list(sections(value)))
    known = chance.choice([*keys_at(ManifestFile, path)] or ["x"])
    name = chance.choice((f"{known}x", f"x{known}", known.upper(), "zz"))
    at(value, path)[name] = Raw(chance.choice(("1", "null", "", "[a]", "'x'")))
    return (*path, name), True


def empty_section(value: dict[str, Any], chance: random.Random) -> tuple[Path_, bool]:
    path = chance.choice([path for path in sections(value) if path])
    at(value, path[:-1])[path[-1]] = Raw(chance.choice(("[]", "7", "'x'", "[a, b]")))
    return path, False


def typed_wrongly(value: dict[str, Any], chance: random.Random) -> tuple[Path_, bool]:
    """Text that YAML takes for something of its own; not in a list, whose end it would take away too."""
    path = chance.choice([path for path in leaves(value) if path not in RULELESS and len(path) < 3])
    at(value, path[:-1])[path[-1]] = Raw(
        chance.choice(("*", "&", "@x", "%x", "`x`", "*nosuch", "!x y", "'x", '"x'))
    )
    return path, False


MISTAKES: tuple[Mistake, ...] = (
    wrong_type,
    not_a_number,
    against_a_rule,
    unknown_key,
    empty_section,
    typed_wrongly,
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tests" / "image").mkdir(parents=True)
    base = tmp_path / "provisioners" / "base"
    base.mkdir(parents=True)
    (base / "provisioner.yaml").write_text("summary: x\n", encoding="utf-8")
    (base / "install.sh").write_text("true\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_a_mistake_they_are_all_right(folder: Path) -> None:
    for number in range(50):
        chance = random.Random(f"{SEED}-{number}")
        writer = Writer(chance)
        writer.mapping(thinned(whole(), chance, ()))
        (folder / "manifest.yaml").write_text("\n".join(writer.out.lines), encoding="utf-8")
        load(Path("manifest.yaml"))


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_one_mistake_is_told_at_its_line_and_column(folder: Path, mistake: Mistake) -> None:
    for number in range(COUNT // len(MISTAKES)):
        told, place, text = outcome(folder, mistake, random.Random(f"{SEED}-{number}"))
        assert told.exit_code == 2
        places = [(problem.line, problem.column) for problem in told.problems]
        assert places == [place], f"number {number}, expected {place}: {told}\n{text}"


def outcome(folder: Path, mistake: Mistake, chance: random.Random) -> tuple[ManifestError, Place, str]:
    """What is told of a manifest with that mistake, where it is, and the manifest."""
    value = whole()
    path, is_key = mistake(value, chance)
    writer = Writer(chance)
    writer.mapping(thinned(value, chance, path))
    text = "\n".join(writer.out.lines)
    (folder / "manifest.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ManifestError) as caught:
        load(Path("manifest.yaml"))
    return caught.value, (writer.out.keys if is_key else writer.out.values)[path], text
