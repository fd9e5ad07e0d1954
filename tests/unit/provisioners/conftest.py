"""Programs of the image, importable as they are there: their folders are on the path during a test."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

PROVISIONERS = Path(__file__).parents[3] / "provisioners"
FOLDERS = [
    PROVISIONERS / folder
    for folder in (
        "base/files/usr/lib/hubsmith/lib",
        "certificates/files/usr/lib/hubsmith/lib",
        "network/files/usr/lib/hubsmith/lib",
        "jupyterhub/files/usr/lib/hubsmith/hub",
        "jupyterhub/files/usr/lib/hubsmith/server",
        "boot/files/usr/lib/hubsmith",
    )
]


@pytest.fixture(scope="module")
def program() -> Iterator[Callable[[str], ModuleType]]:
    """A function that imports a module of the image by its name: hubsmith_hub.userdb, boot.volume."""
    before, path, known = sys.dont_write_bytecode, list(sys.path), set(sys.modules)
    sys.path[:0] = map(str, FOLDERS)
    sys.dont_write_bytecode = True
    yield importlib.import_module
    sys.dont_write_bytecode, sys.path[:] = before, path
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(PROVISIONERS)):
            del sys.modules[name]
