"""The local cloud: cloud.up, cloud.down, cloud.status, cloud.env, cloud.ca, cloud.reset, cloud.base, cloud.doctor.

Each imports the local cloud when it runs: whoever works on AWS alone has not installed what that runs on.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from invoke import Context, task

from build.commands.choice import Several
from build.commands.common import JSON, confirm, local_cloud, talking
from build.errors import HubsmithError

if TYPE_CHECKING:
    from localcloud.server.endpoint import Endpoint
    from localcloud.server.status import Status


@task(help={"base": "also make this base image available (debian-13, debian-12, tiny); may be given again"}, iterable=["base"])
def up(_: Context, base: Several = None) -> None:
    """Start the local cloud; prints its endpoint."""
    with talking() as report:
        report.result(local_cloud(report, *(base or ())).endpoint_url or "")


@task
def down(_: Context) -> None:
    """Shut the machines down and stop the local cloud; cloud.up starts those that ran."""
    with talking() as report, report.step("stop the local cloud"):
        from localcloud.server import control

        control.down()


@task(help=JSON)
def status(_: Context, json: bool = False) -> None:
    """Is the local cloud up, where, what runs in it, and has a machine's kernel panicked?"""
    with talking() as report:
        from localcloud.server import control

        status = control.status()
        report.document(asdict(status)) if json else report.table(("", ""), _status_rows(status))


@task
def env(_: Context) -> None:
    """Shell lines that point any AWS client at the local cloud: eval "$(invoke cloud.env)"."""
    with talking() as report:
        from localcloud.server import control

        for name, value in control.environment(control.ensure_up(progress=report.waiting)).items():
            report.result(f"export {name}={value}")


@task
def ca(_: Context) -> None:
    """The root of the certificates that the local cloud issues, as PEM; as each cloud.up adds one, the newest first."""
    with talking() as report:
        from localcloud.server import control

        endpoint = control.ensure_up(progress=report.waiting)
        if endpoint.acme_roots is None:
            raise HubsmithError("the local cloud issues no certificates", hint=endpoint.acme_problem)
        report.result(endpoint.acme_roots.strip())


@task(help={"yes": "do not ask", "cache": "empty the cache of base images and packages, too"})
def reset(_: Context, yes: bool = False, cache: bool = False) -> None:
    """Stop every machine and forget everything the local cloud holds. Base images stay cached, unless --cache."""
    with talking() as report:
        from localcloud.server import control, disk_usage

        size = disk_usage.readable(sum(place.size for place in control.status().places if cache or place.what != "cache"))
        gone = f"Every instance, volume and image of the local cloud{' and the cache of base images' * cache}, {size},"
        confirm(f"{gone} will be gone", yes=yes)
        with report.step("reset the local cloud"):
            control.reset(progress=report.waiting, cache=cache)


@task(help={"family": "debian-13 (default), debian-12 or tiny"})
def base(_: Context, family: str = "debian-13") -> None:
    """Build a base image of the local cloud anew, whatever its age; prints its name."""
    with talking() as report, report.step(f"base image {family}"):
        from localcloud import base_image

        made = base_image.ensure(family, rebuild=True, progress=report.waiting)
    report.result(made.name)


@task(help=JSON)
def doctor(_: Context, json: bool = False) -> None:
    """What this machine lacks for the local cloud, what for, and the line that mends it. Exit code 1 if something does."""
    with talking() as report:
        from localcloud import doctor as local_cloud

        checks = local_cloud.examine()
        if json:
            report.document([asdict(found) for found in checks])
        else:
            report.table(
                ("", "check", "found", "for", "remedy"),
                [("ok" if c.ok else "MISSING", c.name, c.detail, c.needed_for, "" if c.ok else c.remedy) for c in checks],
            )
        if not all(found.ok for found in checks):
            raise HubsmithError("the local cloud lacks something", hint="the last column says what to run")


def _status_rows(status: Status) -> list[tuple[str, str]]:
    """What `invoke cloud.status` shows."""
    from localcloud.server import disk_usage

    up = status.endpoint
    rows = [("endpoint", up.url if up else "not up; `invoke cloud.up` starts it"), ("state", str(status.folder)), ("log", str(status.log))]
    if up:
        rows += [("server", f"pid {up.pid}, {status.resident_mib} MiB"), ("account, region", f"{up.account}, {up.region}")]
        rows += [("DNS", f"{up.dns[0]} port {up.dns[1]}, UDP and TCP"), *_acme_rows(status, up)]
    rows += [(place.what, f"{disk_usage.readable(place.size)} in {place.path}") for place in status.places]
    return rows + [row for instance, pid in status.machines.items() for row in _machine_rows(status, instance, pid)]


def _machine_rows(status: Status, instance: str, pid: int) -> list[tuple[str, str]]:
    return [("machine", f"{instance} (pid {pid})"), *(("kernel fault", str(fault)) for fault in status.kernel_faults.get(instance, []))]


def _acme_rows(status: Status, up: Endpoint) -> list[tuple[str, str]]:
    if up.acme_directory is None:
        return [("ACME", f"absent: {up.acme_problem}")]
    from localcloud.server import control

    here = up.acme_directory.replace(control.GUESTS_VIEW, control.ADDRESS)
    return [("ACME directory", here), ("", f"{up.acme_directory} in the machines"), ("root certificate", str(status.roots))]
