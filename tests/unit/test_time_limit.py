"""A run that CI would end is ended before: on a slow host only, and what was left out is named."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests import host_speed, time_limit
from tests.cloud.baking import Baking
from tests.cloud.invoke_runner import InvokeRunner
from tests.unit.test_slices import Item, items_of

Patch = pytest.MonkeyPatch
SLOW = pytest.mark.parametrize("slow", ["1", "0"])
UNIT, MACHINE, BUILD, IMAGE = items_of(
    Item("a"),
    Item("b", "vm"),
    Item("c", "vm", "bake", fixtures=["golden"]),
    Item("d", "vm", "bake", fixtures=["golden_hub", "golden"]),
)


@pytest.fixture(autouse=True)
def no_limit(monkeypatch: Patch) -> None:
    for name in ("HUBSMITH_TESTS_END", time_limit.VARIABLE):
        monkeypatch.setenv(name, "")  # so that what begin() writes is gone afterwards, too
        monkeypatch.delenv(name)
    # Where HUBSMITH_SLOW_HOST says 0, the speed of now decides.
    monkeypatch.setattr(host_speed, "share", lambda: 1.0)


def begin(monkeypatch: Patch, minutes: float, slow: str) -> None:
    monkeypatch.setenv(time_limit.VARIABLE, str(minutes))
    monkeypatch.setenv(host_speed.VARIABLE, slow)
    time_limit.begin()


def is_skipped(item: pytest.Item) -> bool:
    try:
        time_limit.skip_what_no_longer_fits(item)
    except pytest.skip.Exception:
        return True
    return False


@SLOW
def test_without_a_limit_nothing_is_skipped(monkeypatch: Patch, slow: str) -> None:
    monkeypatch.setenv(host_speed.VARIABLE, slow)
    time_limit.begin()
    assert time_limit.left_s() == float("inf")
    assert not any(is_skipped(item) for item in (UNIT, MACHINE, BUILD, IMAGE))


@pytest.mark.parametrize(
    ("minutes", "skipped"),
    [(20, []), (8, [IMAGE]), (3, [IMAGE, MACHINE]), (0, [IMAGE, MACHINE, BUILD, UNIT])],
)
def test_what_takes_longest_is_left_out_first(
    monkeypatch: Patch, minutes: float, skipped: list[pytest.Item]
) -> None:
    begin(monkeypatch, minutes, "1")
    assert [item for item in (IMAGE, MACHINE, BUILD, UNIT) if is_skipped(item)] == skipped


def test_a_bake_has_nearly_all_of_the_run(monkeypatch: Patch) -> None:
    begin(monkeypatch, 20, "1")
    assert 17 * 60 < time_limit.left_for_a_bake_s() <= 18 * 60


def test_on_a_usual_host_a_run_that_takes_too_long_goes_on(monkeypatch: Patch) -> None:
    begin(monkeypatch, 0, "0")
    assert not is_skipped(IMAGE)


def test_a_host_that_has_become_slow_is_slow(monkeypatch: Patch) -> None:
    begin(monkeypatch, 0, "0")
    speeds = iter([0.4, 1.0])
    monkeypatch.setattr(host_speed, "share", lambda: next(speeds))
    assert [is_skipped(IMAGE), is_skipped(IMAGE)] == [True, True]


def test_all_processes_of_a_run_end_at_the_same_time(monkeypatch: Patch) -> None:
    begin(monkeypatch, 5, "1")
    before = time_limit.left_s()
    monkeypatch.setenv(time_limit.VARIABLE, "50")
    time_limit.begin()
    assert time_limit.left_s() <= before


def baking(tmp_path: Path) -> Baking:
    (tmp_path / "bake.err").write_text("» provision python\n")
    return Baking(InvokeRunner(tmp_path, ""), {}, subprocess.Popen(["sleep", "30"], text=True))


@SLOW
def test_a_bake_is_waited_for_as_long_as_the_run_has(monkeypatch: Patch, tmp_path: Path, slow: str) -> None:
    begin(monkeypatch, 2.01, slow)  # two minutes are for what looks at it
    one, began = baking(tmp_path), time.monotonic()
    try:
        with pytest.raises((TimeoutError, pytest.skip.Exception)) as ended:
            one.wait(timeout_s=20)
    finally:
        one.end()
    assert time.monotonic() - began < 15
    assert isinstance(ended.value, pytest.skip.Exception) is (slow == "1")


@SLOW
def test_a_bake_that_takes_longer_than_any_should_is_a_fault_everywhere(
    monkeypatch: Patch, tmp_path: Path, slow: str
) -> None:
    begin(monkeypatch, 60, slow)
    one = baking(tmp_path)
    try:
        with pytest.raises((TimeoutError, pytest.skip.Exception)) as ended:
            one.wait(timeout_s=0.2)
    finally:
        one.end()
    assert isinstance(ended.value, TimeoutError)
    assert "provision python" in str(ended.value)


def test_the_speed_is_that_of_a_loop(monkeypatch: Patch) -> None:
    monkeypatch.undo()
    assert 0.05 < host_speed.share() < 3
