"""The local cloud: up, down, status, env, ca, reset, base and doctor, each as cloud.NAME.

Each imports the local cloud when it runs: whoever works on AWS alone has not installed what that runs on.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from invoke import Context

from build.commands.command import command
from build.commands.common import JSON, cli_session, confirm, local_cloud
from build.commands.options import Several
from build.errors import HubsmithError
from build.pipeline import interruptible

if TYPE_CHECKING:
    from localcloud.server.endpoint import Endpoint
    from localcloud.server.status import Status


@command(
    help={"base": "NAME  Also build this base image: debian-13, debian-12 or tiny; can be repeated"},
    iterable=["base"],
)
def up(_: Context, base: Several = None) -> None:
    """Start the local cloud and print its endpoint."""
    with cli_session() as report:
        report.result(local_cloud(report, *(base or ())).endpoint_url or "")


@command()
def down(_: Context) -> None:
    """Shut down its machines, and stop the local cloud."""
    with cli_session() as report, report.step("stop the local cloud"):
        from localcloud.server import control

        control.down()


@command(help=JSON)
def status(_: Context, json: bool = False) -> None:
    """Show whether the local cloud runs, and its machines."""
    with cli_session() as report:
        from localcloud.server import control

        status = control.status()
        report.document(asdict(status)) if json else report.table(("", ""), _status_rows(status))


@command()
def env(_: Context) -> None:
    """Print shell lines that point AWS clients to it.

    eval "$(invoke cloud.env)"
    """
    with cli_session() as report:
        from localcloud.server import control

        endpoint = control.ensure_up(progress=report.waiting)
        for name, value in control.environment(endpoint).items():
            report.result(f"export {name}={value}")
        # The last line: of an eval without quotes everything after it would be a comment.
        report.result(f"# consistency: {endpoint.consistency}")


@command()
def ca(_: Context) -> None:
    """Print the local cloud's root certificates, as PEM.

    Each cloud.up adds one. The newest comes first.
    """
    with cli_session() as report:
        from localcloud.server import control

        endpoint = control.ensure_up(progress=report.waiting)
        if endpoint.acme_roots is None:
            raise HubsmithError("the local cloud issues no certificates", hint=endpoint.acme_problem)
        report.result(endpoint.acme_roots.strip())


@command(help={"yes": "Do not ask", "cache": "Also empty the cache of base images and packages"})
def reset(_: Context, yes: bool = False, cache: bool = False) -> None:
    """Remove all instances, volumes and images in it.

    Base images stay cached, unless --cache is given.
    """
    with cli_session() as report:
        from localcloud.server import control, disk_usage

        found = control.status()
        control.check_reset(found.folder, cache=cache)
        size = disk_usage.readable(
            sum(place.size for place in found.places if cache or place.what != "cache")
        )
        kept = next(place.path for place in found.places if place.what == "cache")
        gone = (
            f"Every instance, volume and image of the local cloud in {found.folder}"
            f"{f' and the cache of base images in {kept}' if cache else ''}, {size},"
        )
        confirm(f"{gone} will be gone", yes=yes)
        with report.step("reset the local cloud"):
            control.reset(progress=report.waiting, cache=cache)


@command(help={"family": "NAME  debian-13 (default), debian-12 or tiny"})
def base(_: Context, family: str = "debian-13") -> None:
    """Build a base image anew and print its name."""
    with cli_session() as report, report.step(f"base image {family}"), interruptible(report):
        from localcloud import base_image

        made = base_image.ensure(family, rebuild=True, progress=report.waiting)
    report.result(made.name)


@command(help=JSON)
def doctor(_: Context, json: bool = False) -> None:
    """Check what this machine needs for it, and how to install it.

    Exit code 1 if anything is missing.
    """
    with cli_session() as report:
        from localcloud import doctor as local_cloud

        checks = local_cloud.examine()
        if json:
            report.document([asdict(found) for found in checks])
        else:
            report.table(
                ("", "check", "found", "for", "remedy"),
                [
                    ("ok" if c.ok else "MISSING", c.name, c.detail, c.needed_for, "" if c.ok else c.remedy)
                    for c in checks
                ],
            )
        if not all(found.ok for found in checks):
            raise HubsmithError(
                "the local cloud needs what is missing here", hint="run the commands of the last column"
            )


def _status_rows(status: Status) -> list[tuple[str, str]]:
    """What `invoke cloud.status` shows."""
    from localcloud.server import disk_usage

    up = status.endpoint
    rows = [
        ("endpoint", up.url if up else "not up; `invoke cloud.up` starts it"),
        ("state", str(status.folder)),
        ("log", str(status.log)),
    ]
    if up:
        rows += [
            ("server", f"pid {up.pid}, {status.resident_mib} MiB"),
            ("account, region", f"{up.account}, {up.region}"),
            ("consistency", up.consistency),
        ]
        rows += [("DNS", f"{up.dns[0]} port {up.dns[1]}, UDP and TCP"), *_acme_rows(status, up)]
    rows += [(place.what, f"{disk_usage.readable(place.size)} in {place.path}") for place in status.places]
    return rows + [
        row for instance, pid in status.machines.items() for row in _machine_rows(status, instance, pid)
    ]


def _machine_rows(status: Status, instance: str, pid: int) -> list[tuple[str, str]]:
    return [
        ("machine", f"{instance} (pid {pid})"),
        *(("kernel fault", str(fault)) for fault in status.kernel_faults.get(instance, [])),
    ]


def _acme_rows(status: Status, up: Endpoint) -> list[tuple[str, str]]:
    if up.acme_directory is None:
        return [("ACME", f"absent: {up.acme_problem}")]
    from localcloud.server import control

    here = up.acme_directory.replace(control.GUESTS_VIEW, control.ADDRESS)
    return [
        ("ACME directory", here),
        ("", f"{up.acme_directory} in the machines"),
        ("root certificate", str(status.roots)),
    ]
