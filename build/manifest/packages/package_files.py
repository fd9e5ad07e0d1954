"""The files of packages that a manifest names: their contents go into the settings as if written there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from build.errors import Problem
from build.manifest.packages import environment_yml, requirements_txt
from build.manifest.packages.environment_yml import Environment
from build.manifest.packages.requirements_txt import Named, Requirements
from build.manifest.schema import ManifestFile, Python, distributions
from build.manifest.yaml.nodes import Node, place_of
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
    refused = [
        channel.mark.problem(("channels",), complaint)
        for channel in environment.channels
        if salvaged.knows("python.distribution", "python.accept_terms")
        and (complaint := distributions.channel_problem(channel.text, python))
    ]
    gathered = python.model_copy(
        update={
            "channels": _each_once(_texts(environment.channels), python.channels),
            "conda_packages": _each_once(python.conda_packages, _texts(environment.conda)),
            "packages": _each_once(python.packages, _texts(listed.packages), _texts(environment.pip)),
        }
    )
    return settings.model_copy(update={"python": gathered}), (
        *problems,
        *listed.problems,
        *environment.problems,
        *refused,
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


def _texts(named: Iterable[Named]) -> Iterable[str]:
    return (each.text for each in named)


def _each_once(*groups: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for group in groups for text in group))
