"""The end of it."""

from __future__ import annotations

import pytest

from tests.cloud.golden.golden_hub import GoldenHub
from tests.cloud.hubs import everything

pytestmark = [pytest.mark.vm, pytest.mark.bake]


def test_destroy_leaves_nothing(golden_hub: GoldenHub) -> None:
    golden_hub.invoke("destroy", "--yes", "--with-data")
    assert everything(golden_hub.runner) == golden_hub.before
