"""Which passwords nobody may choose: those that are short, common, or made from the user's name."""

from __future__ import annotations

import re

SHORTEST = 8

# What zxcvbn gives to eight characters without a pattern; common words with a digit or a year behind them are
# below.
_FEWEST_GUESSES = 10**8
_LONGEST_LOOKED_AT = 72  # zxcvbn's own limit, because its time grows with the length
_OF_THIS_PLACE = ("jupyter", "jupyterhub", "jupyterlab", "notebook", "anaconda", "hubsmith")


def problem(name: str, password: str) -> str | None:
    """Why the user cannot have this password, in a sentence or two; None when they can."""
    from zxcvbn import zxcvbn  # its lists are large, and few ever change their password

    if len(password) < SHORTEST:
        return f"A password has at least {SHORTEST} characters."
    result = zxcvbn(password[:_LONGEST_LOOKED_AT], user_inputs=[*_of_the_user(name), *_OF_THIS_PLACE])
    if result["guesses"] >= _FEWEST_GUESSES:
        return None
    if any(part in password.lower() for part in _of_the_user(name)):
        return (
            "That password is easy to guess, because it is made from your name. Choose one with other words."
        )
    reason = result["feedback"]["warning"] or "It is made of common words or patterns."
    return f"That password is easy to guess. {reason.rstrip('.')}. Add a word or two that nobody expects."


def _of_the_user(name: str) -> list[str]:
    """The user's name, and its parts."""
    return [name.lower(), *(part for part in re.split(r"[^a-z]+", name.lower()) if len(part) > 2)]
