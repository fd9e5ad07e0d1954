"""The plugin of conda speaks where its user may not change the environment, and only there.

conda itself is not here: its API is as in conda/plugins/hookspec.py, and conda.base.context.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

PROVISIONER = Path(__file__).parents[3] / "provisioners/python/files/usr/lib/hubsmith/python"
PLUGIN = PROVISIONER / "conda_plugin/hubsmith_conda.py"


@pytest.fixture
def hint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """What conda calls before a command; its environment is tmp_path."""
    context = SimpleNamespace(target_prefix=str(tmp_path))
    types = SimpleNamespace(CondaPreCommand=SimpleNamespace)
    modules = {
        "conda": {"plugins": SimpleNamespace(hookimpl=lambda function: function, types=types)},
        "conda.base": {},
        "conda.base.context": {"context": context},
    }
    for name, content in modules.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    (found,) = runpy.run_path(str(PLUGIN))["conda_pre_commands"]()
    assert {"install", "remove", "update"} <= found.run_for
    action: Callable[[str], None] = found.action
    return action


@pytest.mark.parametrize(("may_write", "told"), [(False, True), (True, False)])
def test_it_speaks_to_whoever_may_not_write(
    hint: Callable[[str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    may_write: bool,
    told: bool,
) -> None:
    """https://github.com/DataBiosphere/leonardo/pull/345"""
    (tmp_path / "conda-meta").mkdir()
    (tmp_path / "conda-meta/history").touch()
    monkeypatch.setattr("os.access", lambda *_: may_write)
    hint("install")
    assert ("create-kernel NAME" in capsys.readouterr().err) is told


def test_a_new_environment_is_nobody_elses(
    hint: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    hint("install")
    assert capsys.readouterr().err == ""
