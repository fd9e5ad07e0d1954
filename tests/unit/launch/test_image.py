"""An image that does not know subdomains is refused before anything is made."""

from __future__ import annotations

import pytest

from build import LAUNCH_REVISION, VERSION
from build.errors import UserError
from build.launch.image import require_subdomains
from build.launch.state import HubImage


def image(version: str, revision: int) -> HubImage:
    return HubImage("ami-1", "jupyterhub", "/dev/xvda", "admin", "", version, revision)


def test_one_that_is_too_old_is_named_with_both_versions() -> None:
    with pytest.raises(UserError) as caught:
        require_subdomains(image("0.0.9", 1), wanted=True)
    assert "ami-1 is too old for it: it is of Hubsmith 0.0.9 and reads launch data of revision 1" in str(caught.value)
    assert f"this is Hubsmith {VERSION} with revision {LAUNCH_REVISION}" in str(caught.value)


@pytest.mark.parametrize(
    ("version", "revision", "wanted"), [("0.1.0", 2, True), ("", 1, True), ("0.1.0", 1, False)], ids=["new", "unknown", "not wanted"]
)
def test_others_are_taken(version: str, revision: int, wanted: bool) -> None:
    require_subdomains(image(version, revision), wanted=wanted)
