"""The commands. Each parses, calls and prints; what happens is in the rooms of build/ (README.md has the map).

The last line on stdout of a task that makes something is the id it made; progress goes to stderr; ``--json``
gives one JSON document on stdout. Exit codes: 0 done, 1 failed, 2 the input is wrong.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from invoke import Collection, Context, Exit, task

from build import paths
from build.aws.refusals import explain
from build.aws.session import Clients, Cloud, connect
from build.bake.plan import plan as plan_of
from build.bake.recipe import bake
from build.bake.recipe import verify as verify_image
from build.bake.source_image import find as find_base_image
from build.errors import HubsmithError, UserError
from build.localcloud import base_image, host, server
from build.manifest import Manifest, load
from build.pipeline import Interrupted, OnFailure
from build.remote.client import Login
from build.report import Reporter
from build.upkeep import images as image_list
from build.upkeep import sweep as sweeper
from build.upkeep import verify as verifier

_SHIPPED = "manifest.yaml"
# An option that may be given again. Invoke makes a list only of one whose default is None.
_Several = list[str] | None
_CHOICE = {
    "manifest": f"the manifest to read (default: {_SHIPPED})",
    "cloud": "local or aws (default: the manifest's cloud:)",
    "profile": "apply a profile of the manifest; may be given again",
    "set": "override one value: --set builder.root_volume.size_gib=20; may be given again",
}
_JSON = {"json": "one JSON document on stdout"}


@task(iterable=["profile", "set"], help=_CHOICE)
def check(_: Context, manifest: str = _SHIPPED, cloud: str = "", profile: _Several = None, set: _Several = None) -> None:
    """Is the manifest right? All mistakes at once, each with its line and column."""
    with _talking() as report:
        found = _load(manifest, cloud, profile, set)
        report.result(f"{manifest}: fine; {len(found.provisioners)} provisioners, cloud {found.cloud}")


@task(iterable=["profile", "set"], help=_CHOICE | _JSON)
def plan(_: Context, manifest: str = _SHIPPED, cloud: str = "", profile: _Several = None, set: _Several = None, json: bool = False) -> None:
    """What would be built, from what, and why. Makes nothing."""
    with _talking() as report:
        chosen = _load(manifest, cloud, profile, set)
        clients = _connect(chosen, report, base=True)
        newest = image_list.newest_published(clients, chosen.image.name)
        planned = plan_of(chosen, find_base_image(clients, chosen.base), str(clients), newest)
        report.document(planned.document()) if json else report.table(("", ""), planned.rows())


@task(
    name="build-ami",
    aliases=["build", "bake"],
    iterable=["profile", "set"],
    help=_CHOICE
    | _JSON
    | {
        "on-failure": "cleanup, or keep: leave the builder of a failed build and say how to reach it",
        "verbose": "show the output of commands on a terminal too",
    },
)
def build_ami(
    _: Context,
    manifest: str = _SHIPPED,
    cloud: str = "",
    profile: _Several = None,
    set: _Several = None,
    on_failure: str = "cleanup",
    verbose: bool = False,
    json: bool = False,
) -> None:
    """Build a golden image, test it, publish it; prints its id."""
    with _talking(verbose=verbose) as report:
        policy = _policy(on_failure)
        chosen = _load(manifest, cloud, profile, set)
        clients = _connect(chosen, report, base=True)
        image_id = bake(chosen, clients, report, policy)
        report.document({"image_id": image_id}) if json else report.result(image_id)


@task(
    iterable=["profile", "set"],
    help=_CHOICE
    | _JSON
    | {
        "ami": "test this image, on a fresh instance that is gone afterwards",
        "host": "test this machine, by ssh: its name or address",
        "user": "who logs in to the host",
        "identity": "the private key to log in with",
        "port": "where its sshd listens",
        "known-hosts": "a file with its host key (default: your own known_hosts)",
        "heavy": "on a host: also what keeps others from their work (a hog, restarts, 100 MB)",
        "verbose": "show every test on a terminal too",
    },
)
def verify(
    _: Context,
    manifest: str = _SHIPPED,
    cloud: str = "",
    profile: _Several = None,
    set: _Several = None,
    ami: str = "",
    host: str = "",
    user: str = "",
    identity: str = "",
    port: int = 0,
    known_hosts: str = "",
    heavy: bool = False,
    verbose: bool = False,
    json: bool = False,
) -> None:
    """Run the image tests against an image or a running machine; prints where their JUnit files are."""
    with _talking(verbose=verbose) as report:
        if bool(ami) == bool(host):
            raise UserError(
                "verify needs one of --ami and --host", hint="invoke verify --ami ami-…, or invoke verify --host hub.example.org"
            )
        chosen = _load(manifest, cloud, profile, set)
        if ami:
            tests, folder = verify_image(chosen, _connect(chosen, report), report, ami)
        else:
            one, folder = verifier.verify(chosen, host, Login(user, identity, port, known_hosts), heavy=heavy, report=report)
            tests = [one]
        report.note(f"JUnit files: {folder}/tests-*.xml")
        rows = [(test.stage, f"{test.passed} passed", f"{test.skipped} skipped", f"{test.seconds:.0f} s") for test in tests]
        report.document({"tests": [asdict(test) for test in tests], "folder": str(folder)}) if json else report.table(("",) * 4, rows)


@task(iterable=["profile", "set"], help=_CHOICE | _JSON)
def images(
    _: Context, manifest: str = _SHIPPED, cloud: str = "", profile: _Several = None, set: _Several = None, json: bool = False
) -> None:
    """The images made so far, newest first."""
    with _talking() as report:
        rows = image_list.list_images(_connect(_load(manifest, cloud, profile, set), report))
        if json:
            report.document([asdict(row) for row in rows])
        else:
            report.table(image_list.COLUMNS, [image_list.cells(row) for row in rows])


@task(
    iterable=["profile", "set"],
    help=_CHOICE | _JSON | {"dry-run": "only say what would be removed", "run": "remove what this run left, known to be dead or not"},
)
def sweep(
    _: Context,
    manifest: str = _SHIPPED,
    cloud: str = "",
    profile: _Several = None,
    set: _Several = None,
    dry_run: bool = False,
    run: str = "",
    json: bool = False,
) -> None:
    """Remove what builds that died left behind; what a live build owns stays."""
    with _talking() as report:
        clients = _connect(_load(manifest, cloud, profile, set), report)
        found = sweeper.find(clients, only_run=run or None)
        if not dry_run:
            sweeper.remove(clients, found, report)
        if json:
            report.document([asdict(leftover) for leftover in found])
        else:
            report.table(sweeper.COLUMNS, [sweeper.cells(leftover) for leftover in found])
        report.note(f"{len(found)} leftover(s) {'found' if dry_run else 'removed'}")


@task(help={"base": "also make this base image available (debian-13, debian-12, tiny); may be given again"}, iterable=["base"])
def cloud_up(_: Context, base: _Several = None) -> None:
    """Start the local cloud; prints its endpoint."""
    with _talking() as report:
        report.result(_local(report, *(base or ())).endpoint_url or "")


@task
def cloud_down(_: Context) -> None:
    """Shut the machines down and stop the local cloud; cloud.up starts those that ran."""
    with _talking() as report, report.step("stop the local cloud"):
        server.down()


@task(help=_JSON)
def cloud_status(_: Context, json: bool = False) -> None:
    """Is the local cloud up, where, and what runs in it?"""
    with _talking() as report:
        status = server.status()
        report.document(asdict(status)) if json else report.table(("", ""), _status_rows(status))


@task
def cloud_env(_: Context) -> None:
    """Shell lines that point any AWS client at the local cloud: eval "$(invoke cloud.env)"."""
    with _talking() as report:
        for name, value in server.environment(server.ensure_up(progress=report.waiting)).items():
            report.result(f"export {name}={value}")


@task(help={"yes": "do not ask"})
def cloud_reset(_: Context, yes: bool = False) -> None:
    """Stop every machine and forget everything the local cloud holds. Base images stay cached."""
    with _talking() as report:
        if not yes and input("Every instance, volume and image of the local cloud will be gone. Type 'yes': ").strip() != "yes":
            raise UserError("nothing was removed", hint="--yes skips the question")
        with report.step("reset the local cloud"):
            server.reset()


@task(help={"family": "debian-13 (default), debian-12 or tiny"})
def cloud_base(_: Context, family: str = "debian-13") -> None:
    """Build a base image of the local cloud anew, whatever its age; prints its name."""
    with _talking() as report, report.step(f"base image {family}"):
        made = base_image.ensure(family, rebuild=True, progress=report.waiting)
    report.result(made.name)


@task(help=_JSON)
def cloud_doctor(_: Context, json: bool = False) -> None:
    """What this machine lacks for the local cloud, and the line that mends it. Exit code 1 if something does."""
    with _talking() as report:
        checks = host.examine()
        if json:
            report.document([asdict(found) for found in checks])
        else:
            report.table(
                ("", "check", "found", "remedy"),
                [("ok" if c.ok else "MISSING", c.name, c.detail, "" if c.ok else c.remedy) for c in checks],
            )
        if not all(found.ok for found in checks):
            raise HubsmithError("the local cloud lacks something", hint="the last column says what to run")


def _load(manifest: str, cloud: str, profile: _Several, override: _Several) -> Manifest:
    return load(Path(manifest), profiles=profile or (), cloud=cloud or None, overrides=override or ())


def _connect(manifest: Manifest, report: Reporter, *, base: bool = False) -> Clients:
    """Clients of the manifest's cloud. The first line says which one it is; the local one is started if need be.

    With ``base`` the local cloud also gets the base image that the manifest asks for.
    """
    if manifest.cloud != "local":
        clients = connect(Cloud(manifest.cloud, manifest.region))
        report.note(str(clients))
        return clients
    report.note(f"cloud local · account {server.ACCOUNT} · region {manifest.region}")
    family = base_image.family_for(manifest.base.name or "") if base else None
    return connect(_local(report, family, region=manifest.region))


def _local(report: Reporter, *families: str | None, region: str | None = None) -> Cloud:
    for family in filter(None, families):
        with report.step(f"base image {family}"):
            base_image.ensure(family, progress=report.waiting)
    with report.step("local cloud"):
        endpoint = server.ensure_up(progress=report.waiting)
    return Cloud("local", region or endpoint.region, endpoint.url, endpoint.access_key, endpoint.secret_key)


def _status_rows(status: server.Status) -> list[tuple[str, str]]:
    """What `invoke cloud.status` shows."""
    up = status.endpoint
    rows = [("endpoint", up.url if up else "not up; `invoke cloud.up` starts it"), ("state", str(status.folder)), ("log", str(status.log))]
    if up:
        rows += [("server", f"pid {up.pid}, {status.resident_mib} MiB"), ("account, region", f"{up.account}, {up.region}")]
    return rows + [("machine", f"{instance} (pid {pid})") for instance, pid in status.machines.items()]


def _policy(on_failure: str) -> OnFailure:
    try:
        return OnFailure(on_failure)
    except ValueError:
        raise UserError(f"--on-failure {on_failure}: not a policy", hint="cleanup or keep") from None


@contextmanager
def _talking(*, verbose: bool = False) -> Iterator[Reporter]:
    """The one place where errors become words and an exit code."""
    report = Reporter(verbose=verbose)
    try:
        yield report
    except Interrupted as exc:
        report.failure(
            HubsmithError(
                f"stopped by {exc}", hint="what had been made was removed; `invoke sweep --dry-run` shows whether anything is left"
            )
        )
        raise Exit(code=1) from None
    except KeyboardInterrupt:
        report.failure(HubsmithError("stopped"))
        raise Exit(code=1) from None
    except Exception as exc:
        known = exc if isinstance(exc, HubsmithError) else explain(exc)
        report.failure(known or _unexpected())
        raise Exit(code=known.exit_code if known else 1) from None


def _unexpected() -> HubsmithError:
    """A bug of ours: two lines for the screen, the rest for the log."""
    log = paths.state_dir() / "debug.log"
    with log.open("a", encoding="utf-8") as file:
        file.write(traceback.format_exc() + "\n")
    last = traceback.format_exc().strip().splitlines()[-1]
    return HubsmithError(f"unexpected: {last}", hint=f"this is a bug; the details are in {log}")


_cloud = Collection("cloud")
for _name, _task in {
    "up": cloud_up,
    "down": cloud_down,
    "status": cloud_status,
    "env": cloud_env,
    "reset": cloud_reset,
    "base": cloud_base,
    "doctor": cloud_doctor,
}.items():
    _cloud.add_task(_task, name=_name)
namespace = Collection(check, plan, build_ami, verify, images, sweep, _cloud)
