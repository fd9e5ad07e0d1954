"""Text that is not YAML, or not the YAML that was meant: told where it began, in words that help."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest

from build.errors import ManifestError
from build.manifest import load
from build.manifest.yaml.parse import parse

TEXT = (Path(__file__).parents[3] / "manifest.yaml").read_text(encoding="utf-8")


def told(text: str) -> list[str]:
    return [str(problem) for problem in parse(text, "m.yaml")[1]]


def edited(old: str, new: str) -> str:
    assert old in TEXT
    return TEXT.replace(old, new, 1)


def place(old: str, inside: int = 0) -> str:
    """Line and column of a text of the shipped manifest."""
    before = TEXT[: TEXT.index(old) + inside]
    return f"m.yaml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))} "


OWNER, NAME, DESCRIPTION = (
    'owner: "136693071363"',
    "name: jupyterhub ",
    "description: JupyterHub for one machine",
)
URL = "  default_url"


@pytest.mark.parametrize(
    ("old", "new", "inside", "words"),
    [
        (OWNER, OWNER[:-1], 7, "opens a quote that is not closed"),
        (OWNER, OWNER[:-1].replace('"', "'"), 7, "opens a quote that is not closed"),
        (NAME, "name: *\n", 6, "begins with *: put text that begins so in quotes"),
        (NAME, "name: *all ", 6, "begins with *: put text that begins so in quotes"),
        (NAME, "name: &\n", 6, "begins with &: put text"),
        (NAME, "name: @hub ", 6, "begins with @: put text"),
        (NAME, "name: %hub ", 6, "begins with %: put text"),
        (NAME, "name: `hub` ", 6, "begins with `: put text"),
        (NAME, "name:jupyterhub ", 0, "a space is missing after the colon"),
        (NAME, "name: a: b ", 7, "has a second colon: put text with a colon"),
        (DESCRIPTION, "description: {{ image.name }} #", 13, "put {{ … }} in quotes"),
        ("hub:  ", "<<<<<<< HEAD\nhub:  ", 0, "is a mark of a git conflict"),
        ("hub:  ", "=======\nhub:  ", 0, "is a mark of a git conflict"),
        ("hub:  ", "---\nhub:  ", 0, "should be one document, and a second one begins here"),
        (NAME, "name: jup\0", 9, "has the control character U+0000, which YAML does not allow; is"),
        (NAME, "name: jup\7", 9, "has the control character U+0007"),
        (URL, "\u00a0\u00a0default_url", 0, "a no-break space is not a space"),
        (URL, "\tdefault_url", 0, "a tab is not a space"),
        (URL, " default_url", 1, "is not indented like the lines above it"),
        ("[t3.large, t3a.large]", "[t3.large, t3a.large", 0, "opens [ that is not closed"),
        ("{size_gib: 16", "{size_gib: 020", 11, "020 is an octal number, 16: put text in quotes, or"),
        ("lifetime_minutes: 180", "lifetime_minutes: 3:00", 18, "3:00 is a number of base 60, 180"),
        ("lifetime_minutes: 180", "lifetime_minutes: 1:30.5", 18, "1:30.5 is a number of base 60, 90.5"),
    ],
)
def test_it_is_told_where_it_began(old: str, new: str, inside: int, words: str) -> None:
    found = told(edited(old, new))
    assert found
    assert found[0].startswith(place(old, inside)), found
    assert words in found[0]


def test_a_blank_that_is_none_beside_a_key_is_told() -> None:
    found = told("image:\n  \u3000name: x\n")
    assert found == [
        "m.yaml:2:3 image.\u3000name: an ideographic space is beside the key: put a plain space there"
    ]


def doubled(count: int, line: str) -> str:
    """Each line repeats the one above nine times."""
    names = [f"k{number}" for number in range(count)]
    return "".join(
        line.format(name=new, old=",".join([f"*{old}"] * 9)) for old, new in itertools.pairwise(names)
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 3000, "is nested too deeply"),
        ("a: " + "{b: " * 3000, "is nested too deeply"),
        ("a: " + "[" * 100 + "]" * 100, "is nested too deeply"),
        (
            "k0: &k0 [x]\n" + doubled(30, "{name}: &{name} [{old}]\n"),
            "repeats more than 10000 values by aliases",
        ),
        (
            "k0: &k0 {x: 1}\n" + doubled(30, "{name}: &{name} {{<<: [{old}]}}\n"),
            "repeats more than 10000 values",
        ),
    ],
    ids=["lists", "mappings", "closed", "aliases", "merge keys"],
)
def test_what_would_take_all_day_is_refused_at_once(text: str, words: str) -> None:
    started = time.monotonic()
    assert words in told(text)[0]
    assert time.monotonic() - started < 20


def test_aliases_of_an_ordinary_size_are_taken() -> None:
    assert told("a: &a {x: [1, 2]}\n" + "".join(f"b{number}: *a\n" for number in range(500))) == []


def test_many_packages_take_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"    - package-{number}\n" for number in range(20_000)]
    text = edited("packages: []", "packages:\n" + "".join(lines) + "  # ")
    (tmp_path / "manifest.yaml").write_text(text, encoding="utf-8")
    started = time.monotonic()
    with pytest.raises(ManifestError):
        load(tmp_path / "manifest.yaml")  # there is no provisioner beside it
    assert time.monotonic() - started < 60


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("image: {}\n".encode("utf-16"), "manifest.yaml:1:1 file: is UTF-16: save it as UTF-8"),
        ("image: {}\n".encode("utf-16-le"), "manifest.yaml:1:2 file: has the control character U+0000"),
        (b"image:\n  name: \xff\n", "manifest.yaml:2:9 file: is not UTF-8 text"),
    ],
)
def test_other_encodings_are_told(
    content: bytes, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "manifest.yaml").write_bytes(content)
    with pytest.raises(ManifestError) as caught:
        load(Path("manifest.yaml"))
    assert str(caught.value).startswith(words)


def test_a_file_that_cannot_be_read_is_a_mistake_and_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ManifestError, match=r"manifest.yaml:1:1 file: cannot be read: permission denied"):
        load(Path(__file__).parents[3] / "manifest.yaml")
