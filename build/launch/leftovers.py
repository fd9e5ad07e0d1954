"""What a launch that failed has made, and what it costs until the next try or `destroy`."""

from __future__ import annotations

from build.launch.state import LaunchState


def in_words(state: LaunchState) -> str:
    """What this launch has made that EC2 bills; empty when that is nothing."""
    if not state.billed:
        return ""
    words = [thing.words for thing in state.billed.values()]
    priced = [thing.dollars for thing in state.billed.values() if thing.dollars is not None]
    more = " and the instance's price" if len(priced) < len(state.billed) else ""
    return (
        f"made so far, and kept for the next try: {' and '.join(words)}. "
        f"On AWS that costs about {sum(priced):.2f} dollars a month{more} (us-east-1); "
        f"`invoke destroy --domain {state.hub.domain} --with-data` removes it"
    )
