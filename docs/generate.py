"""Write what of the documentation is made from the code; a test checks that it is up to date.

manifest.schema.json            for editors: manifest.yaml names it in its first line
docs/reference/manifest.md      every key of the manifest
docs/reference/command-line.md  every command and option
docs/explanation/rooms.md       every module of build/ and localcloud/, by the first line of its docstring
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]
_NOTE = "<!-- Made by `make reference`; change the code instead. -->\n"
PACKAGES = ("build", "localcloud")
_DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = Mapping[str, Any]


def generated() -> dict[Path, str]:
    """Each file, relative to the repository, and what it should hold."""
    schema = manifest_schema()
    return {
        Path("manifest.schema.json"): json.dumps(schema, indent=2) + "\n",
        Path("docs/reference/manifest.md"): "\n".join(manifest_page(schema)) + "\n",
        Path("docs/reference/command-line.md"): "\n".join(command_page()) + "\n",
        Path("docs/explanation/rooms.md"): "\n".join(rooms_page()) + "\n",
    }


def manifest_schema() -> dict[str, Any]:
    """The JSON schema of manifest.yaml. It knows each key's form; rules between keys are `invoke check`'s."""
    from build.manifest.schema import ManifestFile

    return {"$schema": _DIALECT, **_untitled(ManifestFile.model_json_schema(by_alias=True))}


def _untitled(value: Any) -> Any:  # noqa: ANN401  # JSON
    """Without the titles that pydantic makes of names: they say nothing more."""
    if isinstance(value, dict):
        return {
            key: _untitled(each)
            for key, each in value.items()
            if not (key == "title" and isinstance(each, str))
        }
    return [_untitled(each) for each in value] if isinstance(value, list) else value


def manifest_page(schema: Schema) -> Iterator[str]:
    """The reference of manifest.yaml: a table for each section."""
    yield f"{_NOTE}\n# manifest.yaml"
    yield (
        "\nWhat may be written into the manifest. An absent key has its default. `invoke check` names "
        "every mistake with its line"
    )
    yield (
        "and column; editors that know JSON schemas check it as you type "
        "([manifest.schema.json](../../manifest.schema.json))."
    )
    yield from _section("", schema, schema)


def _section(path: str, part: Schema, schema: Schema) -> Iterator[str]:
    rows, deeper = [], []
    for key, each in part["properties"].items():
        name = f"{path}.{key}" if path else key
        inner = _definition(each, schema)
        if inner is not None:
            deeper.append((name, each, inner))
        rows.append(
            f"| `{key}` | {_kind(each, schema)} | "
            f"{_default(each, required=key in part.get('required', ()))} | {_words(each)} |"
        )
    yield "\n| key | value | default | what it is |\n|---|---|---|---|"
    yield from rows
    for name, each, inner in deeper:
        yield (
            f"\n{'#' * min(4, name.count('.') + 2)} {name}\n\n"
            f"{each.get('description') or inner.get('description', '')}."
            + (" Each entry has:" if "items" in each else "")
        )
        yield from _section(name, inner, schema)


def _definition(part: Schema, schema: Schema) -> Schema | None:
    """The section that a key holds, if it holds one, or a list of such."""
    part = part.get("items", part)
    reference = part.get("$ref") or next(
        (each["$ref"] for each in part.get("anyOf", ()) if "$ref" in each), None
    )
    found = schema["$defs"][reference.rpartition("/")[2]] if reference else None
    return found if found and "properties" in found else None


def _kind(part: Schema, schema: Schema) -> str:
    if "anyOf" in part:
        return " or ".join(dict.fromkeys(_kind(each, schema) for each in part["anyOf"]))
    if "enum" in part or "const" in part:
        return ", ".join(f"`{each}`" for each in part.get("enum", [part.get("const")]))
    if "$ref" in part:
        return "section"
    names = {
        "array": "list",
        "object": "mapping",
        "string": "text",
        "integer": "whole number",
        "boolean": "true or false",
        "null": "null",
    }
    kind = names.get(part.get("type", ""), part.get("type", "any"))
    limits = [
        f"from {part['minimum']}" if "minimum" in part else "",
        f"to {part['maximum']}" if "maximum" in part else "",
    ]
    return " ".join(filter(None, [kind, *limits]))


def _default(part: Schema, *, required: bool) -> str:
    if required:
        return "**required**"
    return f"`{json.dumps(part['default'])}`" if "default" in part else ""


def _words(part: Schema) -> str:
    return _cell(str(part.get("description", "")))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def command_page() -> Iterator[str]:
    """The reference of the commands."""
    from tasks import GROUPS

    yield f"{_NOTE}\n# The command line"
    yield (
        "\n`invoke --list` lists the commands, `invoke COMMAND -h` the options of one. Exit codes: 0 done, "
        "1 failed, 2 the input is"
    )
    yield "wrong, 3 a build is due (`rebuild --check`) or the lock would change (`lock --diff`)."
    for title, commands in GROUPS.items():
        yield f"\n## {title}"
        for name, command in commands.items():
            yield f"\n### invoke {name}\n\n{inspect.getdoc(command.body)}"
            options = [_option(argument) for argument in command.get_arguments()]
            yield from ("\n| option | |\n|---|---|", *options) if options else ()


def _option(argument: Any) -> str:  # noqa: ANN401  # Invoke's
    value, _, words = (
        (argument.help or "").partition("  ") if argument.takes_value else ("", "", argument.help or "")
    )
    names = ", ".join(
        sorted(
            (f"-{name}" if len(name) == 1 else f"--{name}" for name in argument.names), key=len, reverse=True
        )
    )
    return f"| `{_cell(f'{names} {value}'.strip())}` | {_cell(words)} |"


def rooms_page() -> Iterator[str]:
    """A table for each package: what its modules say of themselves."""
    yield f"{_NOTE}\n# Rooms and modules"
    yield "\nEvery module of `build/` and `localcloud/`, with the first line of its docstring."
    yield "[Architecture](architecture.md) says what each room may not know."
    for package in PACKAGES:
        for room in sorted({path.parent for path in (REPO / package).rglob("*.py")}):
            yield from _room(room)


def _room(room: Path) -> Iterator[str]:
    yield f"\n## {room.relative_to(REPO).as_posix()}/"
    if (room / "__init__.py").exists():
        yield f"\n{_first_line(room / '__init__.py')}"
    modules = [path for path in sorted(room.glob("*.py")) if path.name != "__init__.py"]
    if modules:
        yield "\n| module | |\n|---|---|"
    yield from (f"| `{path.name}` | {_first_line(path)} |" for path in modules)


def _first_line(path: Path) -> str:
    """Of a module's docstring, with what Markdown would take for markup escaped."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return re.sub(r"([<*|\[])", r"\\\1", docstring.partition("\n")[0])


def main() -> None:
    """Write the files that have changed."""
    for path, text in generated().items():
        target = REPO / path
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            sys.stderr.write(f"wrote {path}\n")


if __name__ == "__main__":
    main()
