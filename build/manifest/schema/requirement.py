"""A package as pip takes it, and what an image cannot use of that.

The form is that of "Requirement Specifiers" in pip's documentation.
"""

from __future__ import annotations

import re

from packaging.requirements import InvalidRequirement, Requirement

_SHOULD_BE = "should be a package as pip takes it, such as numpy or pandas>=2"
_FILE_NAME = re.compile(r"[^@]*\.(txt|in|ya?ml|toml|cfg|whl|zip|tar\.gz)")


def complaint(text: str) -> str | None:
    """Why the text is no package that can be put into an image, or None."""
    if re.search(r"\s--hash\b", text):
        return "has a hash: leave it out, `invoke lock` pins everything with the hashes of each platform"
    if re.match(r"(https?|git\+\w+)://", text):
        return f"should have a name in front: NAME @ {text}"
    if _FILE_NAME.fullmatch(text.strip()):
        return f"{_SHOULD_BE}, and not a file: python.requirements names a file of packages"
    try:
        wanted = Requirement(text)
    except InvalidRequirement:
        return _SHOULD_BE
    if wanted.url and wanted.url.startswith("file:"):
        return f"{wanted.name} is a file of this machine, and the builder is another one"
    return None


def reason(text: str) -> str:
    """What packaging does not understand of it, or an empty string."""
    try:
        Requirement(text)
    except InvalidRequirement as error:
        return f" ({str(error).splitlines()[0]})"
    return ""


def canonical(text: str) -> str:
    """The same package, written as packaging writes it. Raises InvalidRequirement."""
    return str(Requirement(text))
