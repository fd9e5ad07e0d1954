"""The hub's configuration, rendered as for a builder, and what JupyterHub reads it into."""

from __future__ import annotations

import copy
import functools
from pathlib import Path
from typing import Any

from build.manifest import load, template_variables
from build.remote import file_tree

REPO = Path(__file__).parents[3]
TEMPLATE = Path("etc/jupyterhub/jupyterhub_config.py.j2")


class Lazy:
    """As traitlets' LazyConfigValue: what is to be added to a container that is not there yet."""

    def __init__(self) -> None:
        self.more: list[Any] = []

    def append(self, one: Any) -> None:
        self.more.append(one)

    add = append
    update = append

    def get_value(self, initial: Any) -> Any:
        value = copy.deepcopy(initial)
        for one in self.more:
            value.update(one) if isinstance(value, dict) else value.append(one)
        return value


class Config(dict[str, Any]):
    """As traitlets has it: sections, and placeholders in them, come into being when they are first named."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self.setdefault(name, Config() if name[:1].isupper() else Lazy())

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


@functools.cache
def rendered(*overrides: str) -> Any:
    """The file, with these --set values."""
    manifest = load(REPO / "manifest.yaml", cloud="local", overrides=overrides)
    use = next(one for one in manifest.provisioners if one.name == "jupyterhub")
    (file,) = file_tree.collect(use.folder / "files", [TEMPLATE], template_variables(use), {})
    return file
