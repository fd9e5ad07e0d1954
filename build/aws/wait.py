"""The one function that waits.

botocore's own waiters look every 15 s for at most 10 minutes and say nothing meanwhile; here the interval is
short, the limit is the caller's, and the message of a failure names the last state that was seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_exponential, wait_random

from build.errors import CloudError

Seen = TypeVar("Seen")

INTERVAL_S = 2.0
# and twice that, and so on up to the interval: much of what is waited for has happened in a second
_FIRST_S = 0.25


def wait_until(
    look: Callable[[], Seen],
    done: Callable[[Seen], bool],
    *,
    what: str,
    timeout_s: float,
    describe: Callable[[Seen], str] = str,
    on_wait: Callable[[str], object] = lambda _: None,
    interval_s: float = INTERVAL_S,
    hint: str = "raise builder.timeouts in the manifest, or look into the cloud's console",
) -> Seen:
    """Call ``look`` until ``done`` says so, often at first, then each ``interval_s``; what was seen then.

    ``look`` raises for a state there is no way back from. ``on_wait`` is told the state seen each time.
    Raises CloudError after ``timeout_s`` seconds, naming the last state.
    """

    def again(seen: Seen) -> bool:
        if done(seen):
            return False
        on_wait(f"{what}: {describe(seen)}")
        return True

    # A little jitter keeps several builds of one account from asking in step.
    pause = wait_exponential(min(_FIRST_S, interval_s), max=interval_s * 0.9) + wait_random(
        0, interval_s * 0.2
    )
    retrying = Retrying(stop=stop_after_delay(timeout_s), wait=pause, retry=retry_if_result(again))
    try:
        return retrying(look)
    except RetryError as exc:
        last = describe(exc.last_attempt.result())
        raise CloudError(
            f"{what} took longer than {timeout_s:.0f} s; last seen: {last}",
            hint=hint,
        ) from exc
