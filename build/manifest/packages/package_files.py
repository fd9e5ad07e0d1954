"""The files of packages that a manifest names: their contents go into the settings as if written there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from build.errors import Problem
from build.manifest.packages import environment_yml, requirements_txt
from build.manifest.packages.environment_yml import Environment
from build.manifest.packages.requirements_txt import Named, Requirements
from build.manifest.schema import ManifestFile, Python, SharedEnvironment, distributions
from build.manifest.schema.environments import package_name
from build.manifest.yaml.nodes import KeyPath, Node, place_of
from build.manifest.yaml.salvage import Salvaged


def gather(
    salvaged: Salvaged[ManifestFile], tree: Node, folder: Path
) -> tuple[ManifestFile | None, tuple[Problem, ...]]:
    """The settings with what python.requirements and python.environment ask for, and the files' mistakes.

    What the manifest names comes first, except for channels: the file's own have precedence, as with conda.
    """
    settings = salvaged.model
    if settings is None:
        return None, ()
    python = settings.python
    listed, environment, problems = _read(python, tree, folder)
    environments, misread = _environments(salvaged, python, tree, folder)
    refused = _refused(environment, salvaged, python)
    gathered = python.model_copy(
        update={
            "channels": _each_once(_texts(environment.channels), python.channels),
            "conda_packages": _each_once(python.conda_packages, _texts(environment.conda)),
            "packages": _each_once(python.packages, _texts(listed.packages), _texts(environment.pip)),
            "environments": environments,
        }
    )
    return settings.model_copy(update={"python": gathered}), (
        *problems,
        *listed.problems,
        *environment.problems,
        *refused,
        *misread,
    )


def _read(python: Python, tree: Node, folder: Path) -> tuple[Requirements, Environment, tuple[Problem, ...]]:
    """The two files, empty where the manifest names none, and those that it names and are not there."""
    listed, environment, problems = Requirements(), Environment(), []
    for key, name in (("requirements", python.requirements), ("environment", python.environment)):
        if name is None:
            continue
        if not (folder / name).is_file():
            problems.append(
                place_of(tree, ("python", key)).problem(
                    ("python", key), f"there is no {name} beside the manifest"
                )
            )
        elif key == "requirements":
            listed = requirements_txt.read(folder / name)
        else:
            environment = environment_yml.read(folder / name)
    return listed, environment, tuple(problems)


def _environments(
    salvaged: Salvaged[ManifestFile], python: Python, tree: Node, folder: Path
) -> tuple[tuple[SharedEnvironment, ...], list[Problem]]:
    """The environments for everybody with what their files ask for, instead of the files' names."""
    if not salvaged.knows("python.environments"):
        return python.environments, []  # what is wrong is left out, so the others are at other places
    problems: list[Problem] = []
    found: list[SharedEnvironment] = []
    for index, each in enumerate(python.environments):
        path: KeyPath = ("python", "environments", index, "file")
        if each.file and not (folder / each.file).is_file():
            message = f"there is no {each.file} beside the manifest"
            problems.append(place_of(tree, path).problem(path, message))
        elif each.file:
            read = environment_yml.read(folder / each.file)
            problems += [*read.problems, *_refused(read, salvaged, python)]
            each = _with(each, read)
        found.append(each)
    return tuple(found), problems


def _with(environment: SharedEnvironment, read: Environment) -> SharedEnvironment:
    """An environment with its file's contents; as conda makes it, Python at least is a package of conda."""
    conda = _each_once(environment.conda_packages, _texts(read.conda))
    if "python" not in map(package_name, conda):
        conda = ("python", *conda)
    return environment.model_copy(
        update={
            "channels": _each_once(_texts(read.channels), environment.channels),
            "conda_packages": conda,
            "packages": _each_once(environment.packages, _texts(read.pip)),
            "file": None,
        }
    )


def _refused(read: Environment, salvaged: Salvaged[ManifestFile], python: Python) -> list[Problem]:
    """Its channels under terms that nobody has accepted."""
    return [
        channel.mark.problem(("channels",), complaint)
        for channel in read.channels
        if salvaged.knows("python.distribution", "python.accept_terms")
        and (complaint := distributions.channel_problem(channel.text, python))
    ]


def _texts(named: Iterable[Named]) -> Iterable[str]:
    return (each.text for each in named)


def _each_once(*groups: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for group in groups for text in group))
