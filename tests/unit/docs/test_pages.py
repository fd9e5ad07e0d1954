"""What the documentation says is so: commands and their options, targets of make, links and their anchors,
keys of the manifest, tags.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from invoke import Collection, Task

from build.aws import tags
from build.rebuild.schedule.job import KEPT
from tasks import namespace
from tests.conftest import REPO
from tests.unit.docs import pages

SECTIONS = ("image", "base", "builder", "python", "hub", "tests", "publish", "retention", "layers", "launch")

UNKNOWN = "builder.disk"
"""A mistake that a page shows."""
EVERY_PAGE = pytest.mark.parametrize("page", pages.PAGES, ids=pages.name_of)


def tasks(collection: Collection, prefix: str = "") -> Iterator[tuple[str, Task[Any]]]:
    for name, task in collection.tasks.items():
        yield prefix + name, task
        yield from ((prefix + alias, task) for alias in task.aliases)
    for name, inner in collection.collections.items():
        yield from tasks(inner, f"{prefix}{name}.")


def cases() -> list[Any]:
    """Each command once, with the page that has it first."""
    first: dict[str, Path] = {}
    for page in pages.PAGES:
        for line in pages.commands(page):
            first.setdefault(line, page)
    return [pytest.param(line, id=f"{pages.name_of(page)}: {line}") for line, page in first.items()]


@pytest.mark.parametrize("line", cases())
def test_a_command_is_there_with_its_options(line: str) -> None:
    known = dict(tasks(namespace))
    # `a | b` is "a or b": of commands when the line has no options, of options in brackets otherwise.
    words = shlex.split(re.sub(r"[\[\]|…]", " ", line))
    named = [word for word in words if word in known and not word.startswith("-")]
    assert named, f"no command in: invoke {line}"
    assert words[0] in known
    options = {
        f"-{name}" if len(name) == 1 else f"--{name}"
        for name in named
        for argument in known[name].get_arguments()
        for name in argument.names
    }
    given = [word.partition("=")[0].replace("_", "-") for word in words if re.match(r"--?[a-z]", word)]
    assert [option for option in given if option not in options] == []


def test_every_command_of_the_first_steps_is_seen() -> None:
    """So that the pattern above, which finds commands, does not one day find none."""
    assert {
        "check",
        "plan",
        "launch --domain hub.example.test --admin alice --email you@your-university.edu",
    } <= {*pages.commands(REPO / "docs/getting-started.md")}
    assert {"cloud.env", "cloud.up"} <= {*pages.commands(REPO / "docs/explanation/local-cloud.md")} | {
        *pages.commands(REPO / "README.md")
    }
    assert len(cases()) > 100


@EVERY_PAGE
def test_every_target_of_make_is_there(page: Path) -> None:
    known = set(re.findall(r"^([a-z-]+):", (REPO / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert pages.targets(page) <= known


def test_the_readme_and_the_page_on_tests_name_the_targets() -> None:
    assert {"build-ami", "test", "shell", "docs", "setup-aws"} <= pages.targets(REPO / "README.md")
    assert {"test", "test-fast", "test-all", "bench", "bench-cloud", "mutants"} <= pages.targets(
        REPO / "docs/contributing/tests.md"
    )


@EVERY_PAGE
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in pages.links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(REPO), link
        assert not anchor or anchor in pages.anchors(target), link


def keys() -> set[str]:
    """Every key of the manifest, with dots."""
    schema = json.loads((REPO / "manifest.schema.json").read_text(encoding="utf-8"))

    def below(part: dict[str, Any], path: str) -> Iterator[str]:
        for key, each in part.get("properties", {}).items():
            name = f"{path}.{key}" if path else key
            yield name
            for choice in (each, *each.get("anyOf", ())):
                if "$ref" in choice:
                    yield from below(schema["$defs"][choice["$ref"].rpartition("/")[2]], name)

    return set(below(schema, ""))


@EVERY_PAGE
def test_every_key_of_the_manifest_is_there(page: Path) -> None:
    named = set(
        re.findall(
            rf"(?<![\w./-])((?:{'|'.join(SECTIONS)})(?:\.[a-z][a-z0-9_]*)+)(?=[`=:])", pages.text_of(page)
        )
    )
    modules = {name for name in named if (REPO / f"{name.replace('.', '/')}.py").exists()}
    others = modules | {name for name in named if name.startswith("hub.example") or name.endswith(".py")}
    assert sorted(named - others - keys() - {UNKNOWN}) == []


def test_the_table_of_tags_has_all_that_there_are() -> None:
    ours = {value for name, value in vars(tags).items() if name.isupper() and isinstance(value, str)}
    named = re.findall(
        r"^\| `([\w:-]+)` \|", pages.text_of(REPO / "docs/reference/tags-and-parameters.md"), re.MULTILINE
    )
    assert set(named) >= ours
    assert "hubsmith:run" in ours


def test_the_page_on_environment_variables_has_all_that_there_are() -> None:
    """But for those that image tests get about the disk they look at (build/bake/steps/inspect_disk.py)."""
    code = "".join(
        path.read_text(encoding="utf-8")
        for room in ("build", "localcloud")
        for path in (REPO / room).rglob("*.py")
    )
    used = set(re.findall(r"\bHUBSMITH_[A-Z_]*[A-Z]\b", code)) - {"HUBSMITH_IMAGE_ROOT", "HUBSMITH_SECRETS"}
    named = set(re.findall(r"`(\w+)`", pages.text_of(REPO / "docs/reference/environment-variables.md")))
    assert len(used) > 8
    assert sorted((used | set(KEPT)) - named) == []
