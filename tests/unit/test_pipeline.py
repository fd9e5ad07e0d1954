"""Steps run in order and are cleaned up in reverse, whatever happens."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from build.errors import CleanupError, HubsmithError
from build.pipeline import Interrupted, OnFailure, Runner, Step
from build.report.reporter import Reporter


@dataclass
class Diary:
    lines: list[str] = field(default_factory=list)


class Recorded(Step[Diary]):
    def __init__(
        self,
        name: str,
        *,
        fails: bool = False,
        stuck: bool = False,
        kept: bool = False,
        kills: int = 0,
        product: bool = False,
    ) -> None:
        self.title = name
        self._fails, self._stuck, self._kills = fails, stuck, kills
        self.kept_on_failure = kept
        self.makes_product = product

    def run(self, state: Diary) -> None:
        state.lines.append(f"run {self.title}")
        if self._kills:
            os.kill(os.getpid(), self._kills)
        if self._fails:
            raise HubsmithError(f"{self.title} broke")

    def cleanup(self, state: Diary) -> None:
        state.lines.append(f"clean {self.title}")
        if self._stuck:
            raise HubsmithError(f"{self.title} is stuck")


def run(steps: list[Recorded], policy: OnFailure = OnFailure.CLEANUP) -> tuple[Diary, BaseException | None]:
    diary = Diary()
    try:
        Runner[Diary](Reporter(quiet=True), policy).run(steps, diary)
    except BaseException as exc:
        return diary, exc
    return diary, None


def test_cleanup_runs_in_reverse_after_success() -> None:
    diary, error = run([Recorded("a"), Recorded("b")])
    assert error is None
    assert diary.lines == ["run a", "run b", "clean b", "clean a"]


def test_the_step_that_failed_is_cleaned_too_and_later_ones_never_start() -> None:
    diary, error = run([Recorded("a"), Recorded("b", fails=True), Recorded("c")])
    assert str(error) == "b broke"
    assert diary.lines == ["run a", "run b", "clean b", "clean a"]


def test_a_stuck_cleanup_stops_nothing_and_hides_nothing() -> None:
    diary, error = run([Recorded("a"), Recorded("b", stuck=True), Recorded("c", fails=True)])
    assert str(error) == "c broke"
    assert diary.lines[-1] == "clean a"


def test_a_failure_that_leaves_something_says_what_removes_it(capsys: pytest.CaptureFixture[str]) -> None:
    for stuck in (True, False):
        steps = [Recorded("a", stuck=stuck), Recorded("b", fails=True)]
        with pytest.raises(HubsmithError, match="b broke"):
            Runner[Diary](Reporter()).run(steps, Diary())
        assert ("run `invoke sweep` to remove what is left" in capsys.readouterr().err) is stuck


def test_a_stuck_cleanup_alone_is_an_error_that_names_what_is_left() -> None:
    _, error = run([Recorded("a", stuck=True), Recorded("b")])
    assert isinstance(error, CleanupError)
    assert "a is stuck" in str(error)
    assert error.hint is not None
    assert "invoke sweep" in error.hint


def test_keep_leaves_what_helps_to_look_into_a_failure() -> None:
    diary, _ = run(
        [Recorded("builder", kept=True), Recorded("image"), Recorded("tests", fails=True)], OnFailure.KEEP
    )
    assert "clean image" in diary.lines
    assert not any(line.startswith("clean builder") for line in diary.lines)


def test_what_is_worth_keeping_may_depend_on_how_far_the_run_came() -> None:
    class Enterable(Recorded):
        def is_kept(self, state: Diary) -> bool:
            return "run seal" not in state.lines

    for names, kept in ((("builder", "tests"), True), (("builder", "seal", "tests"), False)):
        steps = [
            Enterable(name) if name == "builder" else Recorded(name, fails=name == "tests") for name in names
        ]
        diary, _ = run(steps, OnFailure.KEEP)
        assert ("clean builder" not in diary.lines) == kept


def test_a_product_survives_success_and_not_failure() -> None:
    assert run([Recorded("image", product=True)])[0].lines == ["run image"]
    assert run([Recorded("image", product=True), Recorded("tests", fails=True)])[0].lines[-1] == "clean image"


def test_keep_cleans_up_after_success() -> None:
    diary, _ = run([Recorded("builder", kept=True)], OnFailure.KEEP)
    assert diary.lines == ["run builder", "clean builder"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_run_and_cleans_up(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    diary, error = run([Recorded("a"), Recorded("b", kills=number), Recorded("c")])
    assert isinstance(error, Interrupted)
    assert str(error) == number.name
    assert diary.lines == ["run a", "run b", "clean b", "clean a"]
    assert signal.getsignal(number) is before


def test_a_second_signal_does_not_cut_cleanup_short() -> None:
    class Impatient(Recorded):
        def cleanup(self, state: Diary) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            super().cleanup(state)

    diary, error = run([Impatient("a"), Recorded("b", kills=signal.SIGINT)])
    assert isinstance(error, Interrupted)
    assert diary.lines[-1] == "clean a"


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=8))
def test_every_started_step_is_cleaned_exactly_once(shape: list[tuple[bool, bool]]) -> None:
    diary, error = run([Recorded(str(n), fails=fails, stuck=stuck) for n, (fails, stuck) in enumerate(shape)])
    started = [line.split()[1] for line in diary.lines if line.startswith("run")]
    cleaned = [line.split()[1] for line in diary.lines if line.startswith("clean")]
    assert cleaned == started[::-1]
    assert (error is None) == (not any(fails or stuck for fails, stuck in shape))
