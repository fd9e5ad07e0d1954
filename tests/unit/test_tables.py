"""What fits into how wide a terminal, and in which form."""

from __future__ import annotations

import pytest

from build.images import listing as images_listing
from build.images.listing import ImageRow
from build.operate import listing
from build.operate.listing import HubRow
from build.report.tables import sheet, widths

AMI, INSTANCE = "ami-0123456789abcdef0", "i-0123456789abcdef0"
NO_ANSWER = "no answer: the connection was refused, nothing listens there"
HUB = HubRow(
    "hub.example.test", INSTANCE, "running", AMI, 3, "127.77.0.5", 89, NO_ANSWER, "vol-0123456789abcdef0"
)
IMAGE = ImageRow(
    AMI, "jupyterhub-20261126-131517-a1b2c3", "jupyterhub", "published", "stable", "2026-11-26T13:15:17.000Z",
    16,
    "ami-0fedcba9876543210 debian-13-amd64-20261123", "0" * 64,
)  # fmt: skip
TABLES = {
    "hubs": (listing.COLUMNS, listing.cells(HUB)),
    "images": (images_listing.COLUMNS, images_listing.cells(IMAGE)),
}


def test_with_room_for_all_each_column_has_what_it_wants() -> None:
    assert widths(("a", "long name"), [("one two", "x")], 80) == [7, 9]


def test_prose_gives_way_and_an_identifier_does_not() -> None:
    assert widths(("id", "why"), [(AMI, "word " * 30)], 60) == [21, 37]


def test_a_header_of_several_words_may_break() -> None:
    assert widths(("id", "certificate days"), [(AMI, "89")], 36) == [21, 13]


@pytest.mark.parametrize("room", [60, 80, 120, 200])
@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_is_shown_fits_and_cuts_no_identifier(name: str, room: int) -> None:
    columns, row = TABLES[name]
    found = widths(columns, [row], room)
    if found is None:
        assert room < 120
        return
    assert sum(found) + 2 * (len(found) - 1) <= room
    for cell, width in zip(row, found, strict=True):
        assert max(map(len, cell.split())) <= width


def test_what_does_not_fit_is_told_line_by_line() -> None:
    columns, row = TABLES["hubs"]
    assert widths(columns, [row], 60) is None
    assert sheet(list(zip(columns, row, strict=True)), 60) == [
        "hub               hub.example.test",
        f"instance          {INSTANCE}",
        "state             running",
        f"image             {AMI}",
        "image days        3",
        "address           127.77.0.5",
        "certificate days  89",
        "health            no answer: the connection was refused,",
        "                    nothing listens there",
    ]


def test_a_name_is_not_said_twice_in_a_row() -> None:
    assert sheet([("tag", "a"), ("tag", "b"), ("", ""), ("tag", "c")], 80) == [
        "tag  a",
        "     b",
        "",
        "tag  c",
    ]


def test_a_word_longer_than_the_line_can_be_copied() -> None:
    assert sheet([("url", "see " + "x" * 60 + " there")], 40) == [
        "url  see",
        "       " + "x" * 60,
        "       there",
    ]
