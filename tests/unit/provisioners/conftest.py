"""Programs of the image, importable as they are there: their folders are on the path during a test."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from tests.unit.provisioners.hub_configuration import Config, rendered

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
        "python/files/usr/lib/hubsmith/kernels",
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
            parent, _, child = name.rpartition(".")
            if parent in sys.modules:  # else `from parent import child` has the old one, beside a new one
                vars(sys.modules[parent]).pop(child, None)


@pytest.fixture
def configured(
    program: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Config]:
    """A function from --set values to the configuration; JupyterHub itself, which is not here, is unused."""
    program("hubsmith_hub.machine")
    monkeypatch.setattr(program("hubsmith_hub.database"), "configure", lambda: None)
    monkeypatch.setattr(program("hubsmith_hub.network"), "hub_url", lambda: "http://100.64.0.1:881")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(
        sys.modules,
        "hubsmith_hub.authenticator",
        SimpleNamespace(HubsmithAuthenticator="HubsmithAuthenticator"),
    )
    monkeypatch.setitem(
        sys.modules, "hubsmith_hub.spawner", SimpleNamespace(HubsmithSpawner="HubsmithSpawner")
    )

    launch = program("hubsmith_machine.launch")
    monkeypatch.setattr(launch, "read", lambda: launch.Launch())

    site = program("hubsmith_hub.site_settings")
    monkeypatch.setattr(site, "FOLDER", tmp_path / "conf.d")
    monkeypatch.setattr(site, "PROBLEM", tmp_path / "run" / "problem.json")

    def read(*overrides: str) -> Config:
        file, config = rendered(*overrides), Config()
        exec(compile(file.content, file.path, "exec"), {"get_config": lambda: config})
        return config

    return read
