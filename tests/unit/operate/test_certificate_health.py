"""A certificate is judged by the share of its lifetime that is left, and by the last renewal."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from build.hubs import https_probe
from build.hubs.hub import Hub
from build.hubs.models import Certificate
from build.operate import status
from build.operate.certificate_health import in_time, of_machine

WELL: dict[str, Any] = {
    "kind": "acme",
    "days_left": 60,
    "share_left": 0.667,
    "serial": "ab",
    "served_serial": "ab",
    "problem": None,
}
WORDS = "Error creating new order :: too many certificates (5) already issued for this exact set"


@pytest.mark.parametrize("lifetime_days", [90, 64, 45, 6])
def test_what_certbot_leaves_alone_is_well_and_what_it_should_have_renewed_is_not(lifetime_days: int) -> None:
    """certbot renews when a third is left, and half of a lifetime of ten days or less."""
    at_renewal = lifetime_days / (2 if lifetime_days <= 10 else 3)
    assert in_time((at_renewal - 1 / 2) / lifetime_days)[0] is True
    ok, words = in_time(lifetime_days * 0.24 / lifetime_days)
    assert (ok, words) == (None, "only 24% of its lifetime is left, and it is not renewed")
    assert in_time(0.09)[0] is False
    assert in_time(0.0)[0] is False


def test_an_older_image_says_nothing_of_lifetimes_and_is_well() -> None:
    old = {key: value for key, value in WELL.items() if key not in ("share_left", "problem")}
    assert of_machine(old) == (True, "acme, 60 days left")


def test_a_failed_renewal_is_bad_at_once_in_the_servers_own_words() -> None:
    """https://github.com/certbot/certbot/issues/10352"""
    problem = {"at": "2026-11-20T12:03:04+00:00", "message": WORDS}
    ok, words = of_machine({**WELL, "problem": problem})
    assert ok is False
    assert words.startswith(
        f"acme, 60 days left; the last attempt to get or renew it failed (2026-11-20T12:03): {WORDS}; "
    )
    assert of_machine({**WELL, "problem": {"at": None, "message": WORDS}})[0] is False


def test_late_and_not_served_are_both_told() -> None:
    ok, words = of_machine({**WELL, "days_left": 10, "share_left": 0.11, "served_serial": "cd"})
    assert ok is False
    late = "only 11% of its lifetime is left, and it is not renewed"
    assert words == f"acme, 10 days left; {late}; but another one is served"


@pytest.mark.parametrize(("share", "ok"), [(0.5, True), (0.2, None), (0.05, False)])
def test_what_is_seen_from_outside_is_judged_alike(
    monkeypatch: pytest.MonkeyPatch, share: float, ok: bool | None
) -> None:
    """Also where the machine cannot be asked, and for images that do not tell."""
    certificate = Certificate(("h",), "CN=R3", "ab", "", "", 6, share, False, "")
    seen = https_probe.HttpsProbe("", certificate)
    monkeypatch.setattr(https_probe, "probe", lambda *_, **__: seen)
    clients: Any = SimpleNamespace(cloud=SimpleNamespace(acme_roots="roots"))
    instance: Any = SimpleNamespace(staging=False)
    part = status._outside(Hub("hub.example.org"), clients, instance, ("hub.example.org",), "192.0.2.1")
    assert part.ok is ok
    assert ("of its lifetime is left" in part.told) is (ok is not True)
