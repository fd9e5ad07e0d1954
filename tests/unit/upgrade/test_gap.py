"""The gap is rather too long than too short, and what was not measured is not said to be nothing."""

from __future__ import annotations

import threading

import pytest

from build.upgrade.gap import Answer, Gap, GapMeter, Sample, outage_s

HUB, PAGE, NOTHING = Answer.HUB, Answer.PAGE, Answer.NOTHING


@pytest.mark.parametrize(
    ("answers", "hub_s", "page_s"),
    [
        ([], 0, 0),
        ([HUB, HUB, HUB], 0, 0),
        ([HUB, PAGE, PAGE, HUB, HUB], 3, 0),
        ([HUB, NOTHING, PAGE, NOTHING, HUB], 4, 4),
        ([HUB, PAGE, NOTHING, PAGE, HUB], 4, 2),
        ([PAGE, HUB], 1, 0),
        ([HUB, PAGE, PAGE], 2, 0),
    ],
)
def test_an_outage_is_from_the_last_good_answer_to_the_next(
    answers: list[Answer], hub_s: float, page_s: float
) -> None:
    samples = [Sample(float(second), answer) for second, answer in enumerate(answers)]
    assert outage_s(samples, lambda answer: answer is HUB) == hub_s
    assert outage_s(samples, lambda answer: answer is not NOTHING) == page_s


def test_the_meter_asks_until_it_is_stopped() -> None:
    answers, asked = iter([HUB, PAGE, PAGE]), threading.Event()

    def ask() -> Answer:
        answer = next(answers, None)
        if answer is None:
            asked.set()
        return answer or HUB

    meter = GapMeter(ask)
    meter.start(measures=True)
    assert asked.wait(60)
    gap = meter.stop()
    assert gap.hub_s > 0
    assert gap.page_s == 0
    assert meter.stop() == gap


def test_without_a_way_to_ask_only_the_clock_counts() -> None:
    meter = GapMeter(lambda: NOTHING)
    meter.start(measures=False)
    gap = meter.stop()
    assert gap.page_s is None
    assert str(Gap(3.14, None)) == (
        "without the hub: 3.1 s; without any page: not measured (443 is closed to this machine)"
    )
    assert str(Gap(3.14, 0.26)) == "without the hub: 3.1 s; without any page: 0.3 s"
