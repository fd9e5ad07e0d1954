"""manifest.yaml → Manifest: every mistake at once, each with its file, line and column.

The order of the layers, later ones winning: the file, the profile named like the chosen cloud, each
`--profile`, each `--set`, `--cloud`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from build.errors import ManifestError, Problem, UserError
from build.manifest.checks import cross_section
from build.manifest.model import Manifest
from build.manifest.packages import lockfile, lockfile_format, package_files
from build.manifest.provisioners.contents import Bash
from build.manifest.provisioners.definition import ProvisionerUse
from build.manifest.provisioners.resolve import resolve
from build.manifest.schema import CLOUDS, ManifestFile
from build.manifest.yaml.files import display, read
from build.manifest.yaml.messages import UNKNOWN_KEY, did_you_mean, validate
from build.manifest.yaml.nodes import KeyPath, ListNode, MapNode, Mark, Node, Scalar, find, without_echoes
from build.manifest.yaml.overlay import OverrideError, assign, merge, parse_override
from build.manifest.yaml.parse import parse
from build.manifest.yaml.salvage import salvage

Override = tuple[KeyPath, Node]
_ABOUT: Mapping[str, KeyPath] = {"cloud": ("cloud",), "region": ("region",), "image": ("image", "name")}


def load(
    path: Path,
    *,
    profiles: Sequence[str] = (),
    cloud: str | None = None,
    overrides: Sequence[str] = (),
    building: bool = True,
    bash: Bash | None = None,
) -> Manifest:
    """The manifest at `path` with the profiles and the `--set` values laid over it.

    Without `building` nobody is asked for the terms of what would be installed, and no lock is read: who
    launches or lists images installs nothing. `bash` is asked about the provisioners' scripts.

    Raises ManifestError with everything wrong in it (and in the provisioners it uses), UserError when the
    file is absent, a `--profile` is unknown or a `--set` cannot be read.
    """
    path = path.expanduser()
    if not path.is_file():
        raise _no_file(path)
    choice = ChosenProfiles(
        tuple(profiles), cloud, tuple(parse_override(text) for text in overrides), building, bash
    )
    document, problems = read(path)
    if document is None:
        raise ManifestError(problems)
    return _assemble(path.absolute(), document, problems, choice)


def _no_file(path: Path) -> UserError:
    """Why there is no manifest at a path."""
    if str(path) == "-" or path.is_fifo() or path.is_char_device():
        return UserError(
            f"{path}: should be a file: provisioners and tests are looked up beside it",
            hint="write it into the folder of the provisioners, and name it with --manifest",
        )
    if path.is_dir():
        return UserError(f"{display(path)} is a folder", hint=f"--manifest {display(path / 'manifest.yaml')}")
    return UserError(
        f"there is no {display(path)}",
        hint="run this in the folder of the manifest, or name it with --manifest",
    )


@dataclass(frozen=True)
class ChosenProfiles:
    """What the command line lays over the file, and whether it builds."""

    profiles: tuple[str, ...]
    cloud: str | None
    overrides: tuple[Override, ...]
    building: bool
    bash: Bash | None

    def all_overrides(self) -> tuple[Override, ...]:
        """`--set` in order, then `--cloud`, which wins."""
        given = Scalar(Mark("--cloud"), self.cloud, str(self.cloud))
        return (*self.overrides, (("cloud",), given)) if self.cloud is not None else self.overrides


def _assemble(path: Path, document: MapNode, unread: Sequence[Problem], choice: ChosenProfiles) -> Manifest:
    own, available, malformed = _split(document)
    applied = _applied(available, choice.profiles, _choose_cloud(own, available, choice))
    tree: Node = own
    for name in applied:
        tree = merge(tree, available[name])
    tree, refused = _override(tree, choice.all_overrides())
    settings, uses, wrong = _check(tree, path.parent, choice)
    problems = without_echoes(unread, [*malformed, *refused, *wrong, *_check_hidden(own, available)])
    if problems or settings is None:
        raise ManifestError(problems, _about(tree))
    if not choice.building:
        return _manifest(path, applied, settings, uses, tree)
    locked = lockfile.apply(lockfile_format.path_beside(path), uses, settings.base, applied)
    if locked.problems:
        raise ManifestError(locked.problems, _about(tree))
    return _manifest(path, applied, settings, locked.uses, tree, locked.unlocked)


def _about(tree: Node) -> dict[str, str]:
    """Which image it is of, and where, although something else is wrong with it."""
    nodes = {name: find(tree, path) for name, path in _ABOUT.items()}
    texts = {
        name: node.value
        for name, node in nodes.items()
        if isinstance(node, Scalar) and isinstance(node.value, str)
    }
    return {"cloud": CLOUDS[0], "region": str(ManifestFile.model_fields["region"].default), **texts}


def _manifest(
    path: Path,
    profiles: tuple[str, ...],
    settings: ManifestFile,
    provisioners: tuple[ProvisionerUse, ...],
    tree: Node,
    unlocked: tuple[str, ...] = (),
) -> Manifest:
    return Manifest(
        path=path,
        profiles=profiles,
        image=settings.image,
        cloud=settings.cloud,
        region=settings.region,
        base=settings.base,
        builder=settings.builder,
        python=settings.python,
        hub=settings.hub,
        provisioners=provisioners,
        tests=settings.tests,
        publish=settings.publish,
        retention=settings.retention,
        layers=settings.layers,
        launch=settings.launch,
        tree=tree,
        unlocked=unlocked,
    )


def _split(document: MapNode) -> tuple[MapNode, dict[str, Node], list[Problem]]:
    """The manifest without its profiles; the profiles by name; what is wrong with the profiles' form."""
    if "profiles" not in document.entries:
        return document, {}, []
    own = MapNode(document.mark, {key: entry for key, entry in document.entries.items() if key != "profiles"})
    section = document.entries["profiles"].value
    if isinstance(section, Scalar) and section.value is None:
        return own, {}, []
    if not isinstance(section, MapNode):
        return own, {}, [section.mark.problem(("profiles",), "should be a mapping (key: value)")]
    problems = [
        problem for name, entry in section.entries.items() for problem in _malformed(name, entry.value)
    ]
    problems += _misnamed(section)
    available = {name: _as_mapping(entry.value) for name, entry in section.entries.items()}
    return own, available, problems


def _misnamed(section: MapNode) -> Iterator[Problem]:
    """`AWS` would be a profile that nothing applies."""
    for name, entry in section.entries.items():
        meant = name.strip().lower()
        if meant in CLOUDS and name != meant:
            message = f"is not applied by --cloud {meant}: did you mean {meant!r}?"
            yield entry.mark.problem(("profiles", name), message)


def _as_mapping(node: Node) -> Node:
    return node if isinstance(node, MapNode) else MapNode(node.mark, {})


def _malformed(name: str, node: Node) -> Iterator[Problem]:
    if isinstance(node, MapNode):
        for key in {"profiles", *(("cloud",) if name in CLOUDS else ())} & node.entries.keys():
            yield node.entries[key].mark.problem(
                ("profiles", name, key), f"a profile named {name} cannot have {key}"
            )
    elif not (isinstance(node, Scalar) and node.value is None):
        yield node.mark.problem(("profiles", name), "should be a mapping (key: value)")


def _choose_cloud(own: Node, available: Mapping[str, Node], choice: ChosenProfiles) -> str:
    layers = [own, *(available[name] for name in choice.profiles if name in available)]
    nodes = [find(layer, ("cloud",)) for layer in layers] + [
        value for path, value in choice.all_overrides() if path == ("cloud",)
    ]
    texts = [node.value for node in nodes if isinstance(node, Scalar) and isinstance(node.value, str)]
    return texts[-1] if texts else CLOUDS[0]


def _applied(available: Mapping[str, Node], named: tuple[str, ...], cloud: str) -> tuple[str, ...]:
    for name in named:
        if name not in available:
            raise UserError(
                f"--profile {name}: the manifest has no such profile{did_you_mean(name, available)}"
            )
    automatic = (cloud,) if cloud in available and cloud not in named else ()
    return (*automatic, *named)


def _override(tree: Node, overrides: Sequence[Override]) -> tuple[Node, list[Problem]]:
    refused = []
    for path, value in overrides:
        if path[0] == "profiles":
            refused.append(
                value.mark.problem(path, "a profile cannot be changed by --set: set the value itself")
            )
            continue
        try:
            tree = assign(tree, path, value)
        except OverrideError as error:
            refused.append(value.mark.problem(error.path, error.message))
    return tree, refused


_PLACEHOLDERS: Mapping[KeyPath, Node] = {
    ("image",): parse("{name: x}", "")[0] or MapNode(Mark(""), {}),
    ("image", "name"): Scalar(Mark(""), "x", "x"),
    ("provisioners",): parse("[x]", "")[0] or MapNode(Mark(""), {}),
}
"""What stands in for what a manifest must have, so that the rest of one without it can be checked."""


def _check(
    tree: Node, folder: Path, choice: ChosenProfiles
) -> tuple[ManifestFile | None, tuple[ProvisionerUse, ...], list[Problem]]:
    """The settings and provisioners of a complete tree, and everything wrong with it."""
    building = choice.building
    right = salvage(tree, ManifestFile, _PLACEHOLDERS)
    between = cross_section.check(right, tree, folder, building=building)
    settings, misnamed = package_files.gather(right, tree, folder)
    gathered = replace(right, model=settings)
    resolved = resolve(tree, gathered, folder, building=building, bash=choice.bash)
    found = [*right.problems, *resolved.problems, *between, *misnamed]
    for values in resolved.standing_in:
        found += _standing_in(tree, values, folder, building=building, known=found)
    return gathered.whole, resolved.uses, found


def _standing_in(
    tree: Node, values: Mapping[KeyPath, Node], folder: Path, *, building: bool, known: Sequence[Problem]
) -> list[Problem]:
    """What is wrong with a provisioner's values, by the rules of the keys that they stand in for."""
    for path, value in values.items():
        tree = assign(tree, path, value)
    right = salvage(tree, ManifestFile, _PLACEHOLDERS)
    found = (*right.problems, *cross_section.check(right, tree, folder, building=building))
    return [problem for problem in found if problem not in known]


def _check_hidden(own: Node, available: Mapping[str, Node]) -> Iterator[Problem]:
    """Wrong values in the file that the layers above them hide now, and in profiles that are not applied now.

    Only single values and unknown keys: a layer may rely on others for what belongs together.
    """
    for layer, tree in [(own, own), *((profile, merge(own, profile)) for profile in available.values())]:
        inside = set(_leaves(layer))
        for problem in validate(tree, ManifestFile)[1]:
            if (
                problem.message.startswith(UNKNOWN_KEY)
                or Mark(problem.file, problem.line, problem.column) in inside
            ):
                yield problem


def _leaves(node: Node) -> Iterator[Mark]:
    """The places of everything below that is not a mapping nor empty, and of their keys."""
    if isinstance(node, MapNode):
        for entry in node.entries.values():
            below = list(_leaves(entry.value))
            yield from below if isinstance(entry.value, MapNode) or not below else (entry.mark, *below)
    elif isinstance(node, ListNode):
        yield node.mark
        for item in node.items:
            yield from _leaves(item)
    elif node.value is not None:
        yield node.mark
