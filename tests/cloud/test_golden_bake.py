"""The one real bake of the run begins: what needs it waits for it (test_golden_image.py and golden/)."""

from __future__ import annotations

import pytest

from tests.cloud.baking import Baking

pytestmark = [pytest.mark.vm, pytest.mark.bake]


def test_it_begins_and_other_tests_go_on_meanwhile(baking: Baking) -> None:
    # 0 where it was done before (HUBSMITH_GOLDEN_STATE).
    assert baking.process.poll() in (None, 0), baking.wait(timeout_s=1).err
