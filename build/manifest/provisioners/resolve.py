"""The provisioners a manifest lists: found, in an order that works, with the values their variables get.

A variable's value is the one in the manifest's entry, else that of the key named by `from`, else its default.
Who installs the users' packages gets of them what its distribution uses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from build.errors import Problem
from build.manifest.provisioners import contents
from build.manifest.provisioners import folder as provisioners_folder
from build.manifest.provisioners.definition import Definition, ProvisionerUse, Variable, mismatch, type_of
from build.manifest.provisioners.folder import Folder
from build.manifest.schema import ARCH, ManifestFile, distributions
from build.manifest.yaml.files import display
from build.manifest.yaml.frozen import freeze, freeze_map, to_plain
from build.manifest.yaml.messages import did_you_mean
from build.manifest.yaml.nodes import (
    KeyPath,
    ListNode,
    MapEntry,
    MapNode,
    Mark,
    Node,
    Scalar,
    describe,
    find,
    place_of,
    plain,
)
from build.manifest.yaml.salvage import Salvaged

FOLDER = "provisioners"


@dataclass(frozen=True)
class Listed:
    """One entry of the manifest's list: where it stands and what it says."""

    path: KeyPath
    mark: Mark
    name: str
    variables: Mapping[str, MapEntry]


@dataclass(frozen=True)
class Resolved:
    """The provisioners in order, everything wrong with them, and the values that stand in for keys of the
    manifest, by provisioner.
    """

    uses: tuple[ProvisionerUse, ...]
    problems: tuple[Problem, ...]
    standing_in: tuple[Mapping[KeyPath, Node], ...]


def resolve(
    tree: Node,
    salvaged: Salvaged[ManifestFile],
    folder: Path,
    *,
    building: bool = True,
    bash: contents.Bash | None = None,
) -> Resolved:
    """The provisioners, and everything wrong with them, in the manifest and in their own files.

    Their scripts and templates are looked into only when one is `building`. Where the manifest is wrong
    elsewhere, the names, folders and given variables are still checked.
    """
    listed = tuple(_listed(tree))
    known = provisioners_folder.names(folder / FOLDER)
    uses: list[ProvisionerUse] = []
    standing_in: list[Mapping[KeyPath, Node]] = []
    problems: list[Problem] = list(_no_folder(tree, folder)) if listed and not known else []
    for index, entry in enumerate(listed if known else ()):
        earlier = [other.name for other in listed[:index]]
        read, complaint = _read(entry, folder / FOLDER, known, earlier)
        problems += [entry.mark.problem(entry.path, complaint)] if complaint else []
        problems += read.problems if read else ()
        if read is None or read.definition is None:
            continue
        problems += _order(entry, read.definition, known, earlier, folder / FOLDER)
        problems += _variables(entry, read, salvaged)
        standing_in.append(_standing_in(entry, read.definition, salvaged))
        use = _use(entry, read.path, read.definition, salvaged.whole) if salvaged.whole else None
        uses += [use] if use else []
        if building:
            values = template_variables(use) if use and not read.problems else None
            names = None if read.problems else frozenset(read.definition.variables)
            problems += contents.problems(read.path, contents.Reading(values, names, bash))
    return Resolved(tuple(uses), tuple(problems), tuple(filter(None, standing_in)))


def _no_folder(tree: Node, folder: Path) -> Iterator[Problem]:
    """Said once, and not for each provisioner."""
    there = "no provisioner in" if (folder / FOLDER).is_dir() else "no"
    message = f"there is {there} {display(folder / FOLDER)}/: the folder stands beside the manifest"
    yield place_of(tree, ("provisioners",)).problem(("provisioners",), message)


def _standing_in(
    entry: Listed, definition: Definition, salvaged: Salvaged[ManifestFile]
) -> Mapping[KeyPath, Node]:
    """The given values of a right type that stand in for a key of the manifest, by that key."""
    return {
        tuple(variable.from_.split(".")): entry.variables[name].value
        for name, variable in definition.variables.items()
        if variable.from_
        and name in entry.variables
        and not _complaint(variable, entry.variables[name].value, salvaged)
    }


def _complaint(variable: Variable, given: Node, salvaged: Salvaged[ManifestFile]) -> str | None:
    """What is wrong with a given value by the variable's own rules."""
    kind = variable.kind or type_of(_referred(variable, salvaged.model))
    return mismatch(plain(given), kind) or variable.complaint(plain(given))


def _listed(tree: Node) -> Iterator[Listed]:
    """The entries that have a name; about the others the schema has already complained."""
    section = find(tree, ("provisioners",))
    for index, item in enumerate(section.items if isinstance(section, ListNode) else ()):
        name = find(item, ("name",)) if isinstance(item, MapNode) else item
        given = find(item, ("variables",))
        if isinstance(name, Scalar) and isinstance(name.value, str):
            yield Listed(
                ("provisioners", index),
                name.mark,
                name.value,
                given.entries if isinstance(given, MapNode) else {},
            )


def _read(
    entry: Listed, folder: Path, known: Sequence[str], earlier: Sequence[str]
) -> tuple[Folder | None, str | None]:
    if entry.name in earlier:
        return None, f"{entry.name} is listed twice"
    if entry.name not in known:
        return None, f"there is no provisioner {entry.name!r}{did_you_mean(entry.name, known)}"
    if not (folder / entry.name / provisioners_folder.DEFINITION).is_file():
        return None, f"the folder {FOLDER}/{entry.name} has no {provisioners_folder.DEFINITION}"
    return provisioners_folder.read(folder / entry.name, known), None


def _order(
    entry: Listed,
    definition: Definition,
    known: Sequence[str],
    earlier: Sequence[str],
    folder: Path,
) -> Iterator[Problem]:
    for need in definition.needs:
        if need not in known or need in earlier:
            continue
        circle = provisioners_folder.circle(folder, entry.name, need)
        complaint = (
            f"{' needs '.join(circle)}: a circle, so none can come first"
            if circle
            else f"{entry.name} needs {need}, which has to come before it"
        )
        yield entry.mark.problem(entry.path, complaint)


def _variables(entry: Listed, read: Folder, salvaged: Salvaged[ManifestFile]) -> Iterator[Problem]:
    declared = read.definition.variables if read.definition else {}
    for key, given in entry.variables.items():
        path = (*entry.path, "variables", key)
        if key not in declared:
            yield given.mark.problem(
                path, f"{entry.name} has no variable {key!r}{did_you_mean(key, declared)}"
            )
            continue
        if complaint := _complaint(declared[key], given.value, salvaged):
            yield given.value.mark.problem(path, f"{complaint}, is {describe(given.value)}")
    for key, variable in declared.items():
        if salvaged.model is not None and (not variable.from_ or salvaged.knows(variable.from_)):
            yield from _value_problems(entry, read.source, key, variable, salvaged.model)


def _value_problems(
    entry: Listed, source: Node | None, key: str, variable: Variable, settings: ManifestFile
) -> Iterator[Problem]:
    referred = find(source, ("variables", key, "from")) if source else None
    value = _referred(variable, settings)
    complaint = mismatch(value, variable.kind) or variable.complaint(value)
    if complaint and referred:
        yield referred.mark.problem(("variables", key), f"{complaint}, and {variable.from_} is {value!r}")
    if variable.required and _value(entry, key, variable, settings) is None:
        about = f" ({variable.description})" if variable.description else ""
        yield entry.mark.problem(
            (*entry.path, "variables", key), f"{entry.name} requires this variable{about}"
        )


def _use(entry: Listed, folder: Path, definition: Definition, settings: ManifestFile) -> ProvisionerUse:
    values: Mapping[str, object] = {
        key: _value(entry, key, variable, settings) for key, variable in definition.variables.items()
    }
    if definition.lock:
        always = definition.lock.environments
        values = distributions.used(values, ARCH[settings.base.architecture], always)
    limit = settings.provisioners[int(entry.path[1])].timeout_minutes or definition.timeout_minutes
    return ProvisionerUse(
        entry.name, folder, definition.model_copy(update={"timeout_minutes": limit}), freeze_map(values)
    )


def _value(entry: Listed, key: str, variable: Variable, settings: ManifestFile) -> object:
    if key in entry.variables:
        return plain(entry.variables[key].value)
    referred = _referred(variable, settings)
    return variable.default if referred is None else referred


def _referred(variable: Variable, settings: ManifestFile | None) -> object:
    """What the manifest has at the key named by `from` (sections as mappings); None where it has none."""
    here: object = settings if variable.from_ else None
    for part in (variable.from_ or "").split("."):
        here = here.get(part) if isinstance(here, Mapping) else getattr(here, part, None)
    if isinstance(here, tuple):
        return tuple(_section(each) for each in here)
    return _section(here)


def _section(value: object) -> object:
    return freeze(value.model_dump()) if isinstance(value, BaseModel) else value


def environment(use: ProvisionerUse) -> dict[str, str]:
    """The variables as install.sh sees them: upper case; null is empty, lists are lines, mappings JSON."""
    return {name.upper(): _as_text(value) for name, value in sorted(use.values.items())}


def _as_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "\n".join(
            _as_json(item) if isinstance(item, list | tuple) else _as_text(item) for item in value
        )
    return _as_json(value) if isinstance(value, Mapping) else str(value)


def _as_json(value: object) -> str:
    return json.dumps(to_plain(value), sort_keys=True, ensure_ascii=False)


def template_variables(use: ProvisionerUse) -> dict[str, object]:
    """The variables as templates below files/ see them: by their own names, as plain JSON values."""
    return {name: to_plain(value) for name, value in use.values.items()}
