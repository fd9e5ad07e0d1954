"""The end of it."""

from __future__ import annotations

import pytest

from tests.cloud.golden.story import Story
from tests.cloud.hubs import everything

pytestmark = [pytest.mark.vm, pytest.mark.bake]


def test_destroy_leaves_nothing(story: Story) -> None:
    story.invoke("destroy", "--yes", "--with-data")
    assert everything(story.workshop) == story.before
