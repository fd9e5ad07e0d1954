"""What ends a user's sessions says that it is done when it is, and not before."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


@pytest.fixture
def ending(program: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Without a systemd and with a clock that each pause moves by a second."""
    found = program("hubsmith_hub.ending")
    clock = [0.0]
    pause = SimpleNamespace(
        monotonic=lambda: clock[0], sleep=lambda seconds: clock.__setitem__(0, clock[0] + seconds)
    )
    monkeypatch.setattr(found, "time", pause)
    return found


def answering(ending: ModuleType, monkeypatch: pytest.MonkeyPatch, unit: str, *statuses: int) -> list[str]:
    """A hub that answers so, one call after the other and the last for ever, and the state of its unit; the
    calls that were made.
    """
    calls: list[str] = []

    def call(method: str, path: str, timeout_s: float) -> None:
        calls.append(f"{method} {path}")
        status = statuses[min(len(calls), len(statuses)) - 1]
        if status != 204:
            raise ending.operator.HubError("as it is", status)

    monkeypatch.setattr(ending.operator, "call", call)
    monkeypatch.setattr(ending, "_systemctl", lambda *arguments: unit)
    return calls


@pytest.mark.parametrize(
    ("unit", "statuses", "done"),
    [
        ("active", (204,), True),
        ("active", (404,), True),  # nobody it knows
        ("failed", (0,), False),
        ("inactive", (0,), False),
        ("activating", (0, 0, 0, 204), True),
        ("active", (0, 404), True),  # it was started again meanwhile, and did it then
    ],
)
def test_it_is_done_or_left_to_the_next_start(
    ending: ModuleType, monkeypatch: pytest.MonkeyPatch, unit: str, statuses: tuple[int, ...], *, done: bool
) -> None:
    calls = answering(ending, monkeypatch, unit, *statuses)
    assert ending._told_hub("users/ada") is done
    assert calls == ["DELETE users/ada"] * len(statuses)


@pytest.mark.parametrize(
    ("unit", "status"), [("active", 500), ("active", 400), ("active", 0), ("activating", 0)]
)
def test_a_hub_that_is_up_and_does_not_do_it_is_a_failure(
    ending: ModuleType, monkeypatch: pytest.MonkeyPatch, unit: str, status: int
) -> None:
    """https://github.com/jupyterhub/jupyterhub/issues/2680"""
    answering(ending, monkeypatch, unit, status)
    with pytest.raises(ending.operator.HubError):
        ending._told_hub("users/ada")


@pytest.mark.parametrize(("status", "unit", "left"), [(204, "active", set()), (0, "inactive", {"ada"})])
def test_a_mark_stays_for_a_hub_that_is_down(
    ending: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, status: int, unit: str, left: set[str]
) -> None:
    monkeypatch.setattr(ending.marks, "_FOLDER", tmp_path / "marks")
    monkeypatch.setattr(ending, "pwd", SimpleNamespace(getpwnam=lambda name: SimpleNamespace(pw_uid=2000)))
    answering(ending, monkeypatch, unit, status)
    ending.sessions("ada")
    assert ending.marks.names() == left
