"""What commands on images share: every region that has some, the build's and those of publish.regions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from build.report.reporter import Reporter

if TYPE_CHECKING:
    from build.aws.session import Clients
    from build.manifest import Manifest

Row = TypeVar("Row")


def with_copies(manifest: Manifest, clients: Clients) -> list[Clients]:
    """Clients of each region that has images of the manifest, the build's first."""
    from build.aws.session import in_region

    return [clients, *(in_region(clients, region) for region in manifest.publish.regions)]


def show_by_region(
    report: Reporter,
    columns: Sequence[str],
    cells: Callable[[Row], tuple[str, ...]],
    found: Sequence[tuple[Clients, Sequence[Row]]],
    *,
    json: bool,
) -> None:
    """Rows (dataclasses) of each region as one table or one document.

    A table has a column for the region where there is more than one.
    """
    rows: list[tuple[str, Any]] = [(clients.cloud.region, row) for clients, some in found for row in some]
    if json:
        report.document([{"region": region, **asdict(row)} for region, row in rows])
    elif len(found) > 1:
        report.table(("region", *columns), [(region, *cells(row)) for region, row in rows])
    else:
        report.table(columns, [cells(row) for _, row in rows])
