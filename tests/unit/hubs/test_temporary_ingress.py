"""Rules that are open for a while say until when, and who opened them."""

from __future__ import annotations

from build.hubs.temporary_ingress import _plain


def test_a_description_holds_what_ec2_allows() -> None:
    assert _plain('jürgen@büro "x"') == "j-rgen@b-ro -x-"
