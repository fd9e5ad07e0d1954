"""When a new instance is ready to take over, and when it never will be: its console says so."""

from __future__ import annotations

import pytest

from build.errors import HubsmithError
from build.image_contract import BOOT_FAILED, WAITS_FOR_VOLUME
from build.upgrade.standby import judge

VOLUME = "vol-0123456789abcdef0"
WAITS = f"hubsmith-boot: {WAITS_FOR_VOLUME.format(VOLUME)}\n"


@pytest.mark.parametrize(
    ("said", "progress"),
    [
        ("", "boots"),
        ("Linux version 6.1\n", "boots"),
        (f"hubsmith-boot: {WAITS_FOR_VOLUME.format('vol-9')}\n", "boots"),
        (f"Linux version 6.1\n{WAITS}", "waits for the data volume"),
        (f"hubsmith-boot: {BOOT_FAILED}it took too long\n{WAITS}", "waits for the data volume"),
    ],
)
def test_it_waits_for_its_own_volume(said: str, progress: str) -> None:
    assert judge(said, "i-2", VOLUME) == progress


def test_a_boot_that_fails_ends_the_wait_with_its_reason() -> None:
    with pytest.raises(HubsmithError, match=r"i-2 cannot take over: standby is not a key of schema 1$"):
        judge(f"{WAITS}hubsmith-boot: {BOOT_FAILED}standby is not a key of schema 1\nlogin: ", "i-2", VOLUME)
