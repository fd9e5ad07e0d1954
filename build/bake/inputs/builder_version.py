"""What Hubsmith itself sends to a builder, beside the provisioners: if that changes, so does the image.

Counted are Hubsmith's version, the scripts and the user data as they are sent, and a recipe number for each
step that does something to a builder with calls or commands written in Python. No source file is counted, so
a comment, a docstring or a new name is no change.

What a step sends is kept in tests/unit/bake/sent/. A test that compares fails when that changes: then count
the step's number up.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from build import VERSION
from build.bake import scripts, user_data
from build.bake.inputs.fingerprint import digest, of_bytes
from build.remote.keys import SshKey

# The history of the recipe numbers, a line for each time that one was counted up:
#   2026-11  all 1: the first numbers; before, the source files themselves were counted

BUILDER_RECIPE: Mapping[str, int] = MappingProxyType(
    {
        "launch": 1,
        "start from a layer": 1,
        "provision": 1,
        "keep a layer": 1,
    }
)
"""Steps up to where a layer is taken: with a higher number images are due, and layers made before are not
used any more.
"""
IMAGE_RECIPE: Mapping[str, int] = MappingProxyType(
    {
        "seal": 1,
        "create the image": 1,
        "order of the steps": 1,
    }
)
"""Steps after that, and the order of all: with a higher number images are due, and layers are used as
before.
"""

_START = "hubsmith/"
"""In front of a name of these among the parts of an image."""
_KEY = SshKey("private key of an example", "ssh-ed25519 public-key-of-an-example")
_MINUTES = 60


def on_the_builder() -> dict[str, str]:
    """A digest by name of what is in a layer's key. Raises OSError."""
    return {
        f"{_START}script that runs install.sh": of_bytes(scripts.RUN_INSTALL.read_bytes()),
        f"{_START}script that takes layers": of_bytes(scripts.LAYER.read_bytes()),
        f"{_START}user data": digest(*(_user_data(forget_keys=forget) for forget in (False, True))),
        **_steps(BUILDER_RECIPE),
    }


def after_it() -> dict[str, str]:
    """A digest by name of the rest. Raises OSError."""
    return {f"{_START}script that seals": of_bytes(scripts.SEAL.read_bytes()), **_steps(IMAGE_RECIPE)}


def current_version() -> str:
    """Of this checkout."""
    return VERSION


def describe_part(part: str) -> str | None:
    """One of those names for a reader; None if it is the name of something else."""
    return f"Hubsmith's {part.removeprefix(_START)}" if part.startswith(_START) else None


def _steps(numbers: Mapping[str, int]) -> dict[str, str]:
    return {f"{_START}step '{name}'": digest(number) for name, number in numbers.items()}


def _user_data(*, forget_keys: bool) -> str:
    """With example keys and an example lifetime: those of a run are not in the image."""
    return user_data.render(
        host_key=_KEY, run_key=_KEY, shutdown_after_minutes=_MINUTES, forget_keys=forget_keys
    )
