"""One provisioner folder: its provisioner.yaml, checked against the schema and the rest of the folder.

provisioners/<name>/provisioner.yaml    summary, needs, timeout_minutes, variables, files
provisioners/<name>/install.sh          run as root with the variables in its environment
provisioners/<name>/files/              laid over / first; *.j2 rendered with the variables
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from build.errors import Problem
from build.manifest.provisioners.definition import Definition
from build.manifest.schema import ManifestFile
from build.manifest.yaml import files
from build.manifest.yaml.messages import annotation_at, did_you_mean, keys_at, validate
from build.manifest.yaml.nodes import KeyPath, MapNode, place_of, without_echoes

DEFINITION = "provisioner.yaml"
SCRIPT = "install.sh"
TREE = "files"


@dataclass(frozen=True)
class Folder:
    """A provisioner folder as read: `definition` is None when provisioner.yaml cannot be used."""

    path: Path
    source: MapNode | None
    definition: Definition | None
    problems: tuple[Problem, ...]


def names(provisioners: Path) -> tuple[str, ...]:
    """The provisioners there are: every folder that is not hidden or Python's own."""
    if not provisioners.is_dir():
        return ()
    return tuple(
        sorted(path.name for path in provisioners.iterdir() if path.is_dir() and path.name[0] not in "._")
    )


def read(path: Path, known: Sequence[str]) -> Folder:
    """Read and check one folder that has a provisioner.yaml.

    `known` are the names of all provisioners there are.
    """
    source, problems = files.read(path / DEFINITION)
    if source is None:
        return Folder(path, None, None, problems)
    definition, wrong = validate(source, Definition)
    found = [*_script(path)]
    if definition is not None:
        found += [*_locked(definition, path), *_files(definition, path / TREE)]
        found += [*_needs(definition, known), *_references(definition)]
    told = [place_of(source, at).problem(at, message) for at, message in found]
    all_of_them = without_echoes(problems, (*wrong, *told))
    return Folder(path, source, None if problems else definition, all_of_them)


def circle(provisioners: Path, name: str, need: str) -> tuple[str, ...]:
    """The names from `name` over its `need` back to `name`; () where there is no circle."""
    ways: list[tuple[str, ...]] = [(name, need)]
    seen = {need}
    while ways:
        way = ways.pop(0)
        if way[-1] == name:
            return way
        for further in _needs_of(provisioners / way[-1]):
            if further not in seen:
                seen.add(further)
                ways.append((*way, further))
    return ()


def _needs_of(path: Path) -> tuple[str, ...]:
    source = files.read(path / DEFINITION)[0]
    definition = validate(source, Definition)[0] if source else None
    return definition.needs if definition else ()


Finding = tuple[KeyPath, str]


def _script(path: Path) -> Iterator[Finding]:
    if not (path / SCRIPT).is_file():
        yield (), f"there is no {SCRIPT} beside this file"


def _needs(definition: Definition, known: Sequence[str]) -> Iterator[Finding]:
    for index, need in enumerate(definition.needs):
        if need not in known:
            yield ("needs", index), f"there is no provisioner {need!r}{did_you_mean(need, known)}"


def _references(definition: Definition) -> Iterator[Finding]:
    """`from:` has to name a key the manifest can have."""
    for name, variable in definition.variables.items():
        path = tuple(variable.from_.split(".")) if variable.from_ is not None else ()
        if path and (path[0] == "profiles" or annotation_at(ManifestFile, path) is None):
            known = keys_at(ManifestFile, path[:-1])
            yield (
                ("variables", name, "from"),
                f"the manifest has no {variable.from_}{did_you_mean(path[-1], known)}",
            )


def _locked(definition: Definition, path: Path) -> Iterator[Finding]:
    """Its own lists have to be there, and it has to know what it installs."""
    if definition.lock is None:
        return
    for key, name in definition.lock.files():
        if name and not (path / name).is_file():
            yield ("lock", key), f"there is no {name} in this folder"
    for name in ("distribution", "packages"):
        if name not in definition.variables:
            yield ("lock",), f"needs the variable {name}"


def _files(definition: Definition, tree: Path) -> Iterator[Finding]:
    """Owners and modes are those of files: a folder is made where it is missing, else left alone."""
    here = {
        "/" + path.relative_to(tree).as_posix().removesuffix(".j2")
        for path in tree.rglob("*")
        if not path.is_dir()
    }
    for path in definition.files:
        if path not in here:
            near = did_you_mean(path, sorted(here)) if len(here) else ""
            yield ("files", path), f"there is no such file below {TREE}/{near}"
