"""The hub's name: a record that leads elsewhere, a domain without a zone, a rehearsal."""

from __future__ import annotations

import re

import pytest

from tests.cloud.hubs import Site, everything, tags_of
from tests.cloud.invoke_runner import InvokeRunner

pytestmark = pytest.mark.vm


def test_a_record_that_points_elsewhere_is_not_overwritten(other: Site) -> None:
    other.set_record("A", "192.0.2.7")
    done = other.launch()
    assert done.status == 2
    assert "other.example.test points elsewhere already: A 192.0.2.7" in done.err
    assert other.records() == [("A", ["192.0.2.7"])]
    assert other.instances() == []
    taken = other.launched("--take-over")
    assert other.records() == [("A", [taken["address"]])]


@pytest.mark.matrix
def test_without_a_zone_there_is_no_launch_but_without_dns(runner: InvokeRunner, image: str) -> None:
    site = Site(runner, "hub.elsewhere.test")
    there = everything(runner)
    done = site.launch()
    assert done.status == 2
    assert "no public hosted zone of this account holds hub.elsewhere.test" in done.err
    try:
        done = site.launch("--no-dns")
        assert done.status == 0, done.err
        assert re.search(r"create this record: hub\.elsewhere\.test\. 60 IN A 127\.77\.", done.err)
    finally:
        site.destroy()
    assert everything(runner) == there


@pytest.mark.matrix
def test_a_rehearsal_leaves_the_name_alone(other: Site) -> None:
    other.set_record("A", "192.0.2.7")
    assert other.launch("--rehearse").status == 0
    assert other.records() == [("A", ["192.0.2.7"])]
    assert tags_of(other.instances()[0])["hubsmith:acme"] == "staging"
    other.set_record("A", "192.0.2.7", "DELETE")
