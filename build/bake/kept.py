"""What a build leaves in the account, and what that costs, in words."""

from __future__ import annotations

from datetime import datetime, timedelta

from build.bake.state import Bake

_DOLLARS_PER_GB_MONTH = 0.05  # snapshots in us-east-1: docs/explanation/costs.md


def in_words(state: Bake) -> str | None:
    """The image and the layers that stay, also when the build has failed; None when there is nothing."""
    copies = "".join(f", its copy {copy.image_id} in {copy.region}" for copy in state.copies)
    image = [f"{state.image_id} and its snapshot{copies}"] if state.is_published else []
    kept = [*image, *([_layers(state)] if state.layer_ids else [])]
    if not kept:
        return None
    return (
        f"kept: {'; '.join(kept)}. On AWS snapshots cost about {_DOLLARS_PER_GB_MONTH} dollars a GB and "
        "month until `invoke prune` removes them"
    )


def _layers(state: Bake) -> str:
    until = datetime.fromisoformat(state.since) + timedelta(days=state.manifest.layers.max_age_days)
    return f"{len(state.layer_ids)} layer(s) for later builds, usable until {until:%Y-%m-%d}"
