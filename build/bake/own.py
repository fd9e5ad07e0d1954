"""What of Hubsmith itself decides what an image is: its version, and what works on a builder or makes the image of it.

Another version of it makes another image, as another provisioner does. Files that only look, wait, test or say something do not count
(tests/unit/bake/test_own.py has each of them); where a file does both, it counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from build import VERSION

ROOT = Path(__file__).parents[2]
ON_THE_BUILDER = (
    "build/bake/instances.py", "build/bake/keep_layer.py", "build/bake/layer.sh", "build/bake/provision.py", "build/bake/run_install.sh",
    "build/bake/start_layer.py", "build/bake/user_data.py", "build/manifest/provisioners.py", "build/remote/shell.py",
    "build/remote/tree.py",
)  # fmt: skip
"""What brings a builder to where a layer is taken."""
AFTER_IT = ("build/bake/image.py", "build/bake/recipe.py", "build/bake/seal.py", "build/bake/seal.sh")
"""What makes an image of it."""
TEMPLATES = "jinja2"
"""The library that renders files/*.j2."""


def on_the_builder() -> dict[str, str]:
    """A digest by name of what is in a layer's key. Raises OSError."""
    return {**dict(_files(ON_THE_BUILDER)), TEMPLATES: _digest(version(TEMPLATES).encode())}


def after_it() -> dict[str, str]:
    """A digest by name of the rest. Raises OSError."""
    return dict(_files(AFTER_IT))


def current_version() -> str:
    """Of this checkout."""
    return VERSION


def spoken(part: str) -> str | None:
    """One of those names, in words; None when it is none."""
    return f"Hubsmith's own {part}" if part == TEMPLATES or part.startswith("build/") else None


def _files(names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    yield from ((name, _digest((ROOT / name).read_bytes())) for name in names)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
