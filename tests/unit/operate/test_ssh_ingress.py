"""The rule that lets the operator in."""

from __future__ import annotations

from build.operate.ssh_ingress import _plain


def test_a_description_holds_what_ec2_allows() -> None:
    assert _plain('jürgen@büro "x"') == "j-rgen@b-ro -x-"
