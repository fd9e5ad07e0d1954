"""Which of the user's own files is named when a server does not start."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest


@pytest.fixture
def own_settings(
    program: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """With a home of the test's own, whose ~/.jupyter Jupyter reads; and a folder of the system's."""
    monkeypatch.setenv("HOME", str(tmp_path / "ada"))
    for folder in ("ada/.jupyter", "etc/jupyter"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "jupyter_server_config.json").write_text("{}")
    paths = SimpleNamespace(
        jupyter_config_path=lambda: [str(tmp_path / "ada/.jupyter"), str(tmp_path / "etc/jupyter")]
    )
    monkeypatch.setitem(sys.modules, "jupyter_core", SimpleNamespace(paths=paths))
    return program("hubsmith_server.own_settings")


@pytest.mark.parametrize("error", [SystemExit(1), SystemExit("no"), RuntimeError("no")])
def test_files_of_the_home_are_named_and_the_error_stays(
    own_settings: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    with pytest.raises(type(error)), own_settings.blamed():
        raise error
    said = capsys.readouterr().err
    assert f"these files of your own: {tmp_path}/ada/.jupyter/jupyter_server_config.json\n" in said


@pytest.mark.parametrize("code", [None, 0])
def test_an_ordinary_end_names_nothing(
    own_settings: ModuleType, capsys: pytest.CaptureFixture[str], code: int | None
) -> None:
    with pytest.raises(SystemExit), own_settings.blamed():
        raise SystemExit(code)
    assert capsys.readouterr().err == ""


def test_a_server_that_ran_for_long_was_not_kept_from_starting(
    own_settings: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ends_later() -> None:
        with own_settings.blamed():
            time.sleep(0.3)
            raise SystemExit(1)

    monkeypatch.setattr(own_settings, "_STARTING_S", 0)
    with pytest.raises(SystemExit):
        ends_later()
    assert capsys.readouterr().err == ""


def test_settings_without_end_are_named_with_the_line(
    own_settings: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ada/.jupyter/jupyter_server_config.py"
    file.write_text("import time\nend = time.monotonic() + 1\nwhile time.monotonic() < end:\n    pass\n")
    with own_settings.blamed(slow_s=0.2):
        exec(compile(file.read_text(), str(file), "exec"), {})
    assert f"of {file}" in capsys.readouterr().err


def test_without_jupyter_nothing_is_named(
    own_settings: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "jupyter_core", None)
    with pytest.raises(SystemExit), own_settings.blamed():
        raise SystemExit(1)
    assert capsys.readouterr().err == ""
