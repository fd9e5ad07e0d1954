"""What a build says that it leaves in the account."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from build.bake import kept


@pytest.mark.parametrize(
    ("published", "layers", "words"),
    [
        (
            True,
            2,
            "kept: ami-1 and its snapshot; 2 layer(s) for later builds, usable until 2026-12-06. On AWS",
        ),
        (True, 0, "kept: ami-1 and its snapshot, its copy ami-2 in eu-west-1. On AWS"),
        (False, 1, "kept: 1 layer(s) for later builds, usable until 2026-12-06. On AWS"),
        (False, 0, None),
    ],
)
def test_image_and_layers(published: bool, layers: int, words: str | None) -> None:
    state: Any = SimpleNamespace(
        is_published=published,
        image_id="ami-1",
        copies=[SimpleNamespace(image_id="ami-2", region="eu-west-1")] if published and not layers else [],
        layer_ids=["snap-1"] * layers,
        since="2026-11-29T03:00:00+00:00",
        manifest=SimpleNamespace(layers=SimpleNamespace(max_age_days=7)),
    )
    told = kept.in_words(state)
    assert told is None if words is None else str(told).startswith(words)
