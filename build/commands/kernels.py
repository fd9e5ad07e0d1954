"""Kernels: the environments that a hub's users have made."""

from __future__ import annotations

from json import loads

from build.commands.common import JSON, cli_session, connect_to
from build.commands.hubs import KEY
from build.commands.launch import DOMAIN
from build.commands.options import ManifestOptions, manifest_task
from build.image_contract import KERNELS_PROGRAM


@manifest_task(help=JSON | DOMAIN | KEY)
def kernels(choice: ManifestOptions, domain: str = "", operator_key: str = "", json: bool = False) -> None:
    """List users' own environments: works, other Python, broken.

    Those that create-kernel has made. One of another Python is made anew when its
    kernel starts next.
    """
    from build.hubs.hub import Hub
    from build.operate import kernels as listing
    from build.operate.ssh import ssh_session

    with cli_session() as report:
        hub, chosen = Hub.named(domain), choice.load()
        with ssh_session(hub, connect_to(chosen, report), chosen, report, operator_key) as session:
            session.require("kernels")
            found = loads(session.run(KERNELS_PROGRAM))
        report.document(found) if json else report.table(
            listing.COLUMNS, [listing.cells(each) for each in found]
        )
