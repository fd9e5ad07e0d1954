"""Looking after hubs: hubs, status, users, ssh, logs, open."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from json import loads
from typing import TYPE_CHECKING

from invoke import Exit

from build.commands.common import JSON, cli_session, connect_to
from build.commands.launch import DOMAIN
from build.commands.options import ManifestOptions, Several, manifest_task
from build.errors import HubsmithError
from build.image_contract import UNITS, USERS_PROGRAM

if TYPE_CHECKING:
    from build.operate.ssh import SshSession
    from build.operate.user_changes import Changes
    from build.report.reporter import Reporter

KEY = {"operator-key": "FILE  Private key to log in with (default: the hub's key on this machine)"}


@manifest_task(help=JSON)
def hubs(choice: ManifestOptions, json: bool = False) -> None:
    """List the hubs: image, age, address, certificate, health."""
    from build.operate import listing, ssh_ingress

    with cli_session() as report:
        clients = connect_to(choice.load(), report)
        ssh_ingress.revoke_expired_everywhere(clients)
        rows = listing.list_hubs(clients)
        report.document([asdict(row) for row in rows]) if json else report.table(
            listing.COLUMNS, [listing.cells(row) for row in rows]
        )


@manifest_task(help=JSON | DOMAIN | KEY | {"no-spawn": "Do not start a test server"})
def status(
    choice: ManifestOptions,
    domain: str = "",
    operator_key: str = "",
    no_spawn: bool = False,
    json: bool = False,
) -> None:
    """Examine a hub, part by part; exit code 1 if one is unhealthy.

    Instance, data volume, DNS record, kernel, https, hub, proxy, certificate,
    and the start of a test server.
    """
    from build.hubs.hub import Hub
    from build.operate import status as statuses

    with cli_session() as report:
        hub, chosen = Hub.named(domain), choice.load()
        clients = connect_to(chosen, report)
        parts = statuses.examine(hub, clients, chosen, report, spawn=not no_spawn, operator_key=operator_key)
        if json:
            report.document([asdict(part) for part in parts])
        else:
            report.table(("", "part", ""), [part.cells for part in parts])
        bad = [part.name for part in parts if part.ok is False]
        if bad:
            raise HubsmithError(
                f"unhealthy: {', '.join(bad)}",
                hint=f"`invoke logs --domain {hub.domain}` shows what the hub wrote",
            )


@manifest_task(
    iterable=["add", "reset", "remove", "disk_limit"],
    help=JSON
    | DOMAIN
    | KEY
    | {
        "list": "List the users (the default)",
        "add": "NAME  Add a user; can be repeated; the first password is printed once",
        "from": "FILE  Add the users named in this file: one a line, or CSV with a column username",
        "reset": "NAME  Give a user a new password; can be repeated",
        "remove": "NAME  Close a user's account; the files stay; can be repeated",
        "disk-limit": (
            "NAME=LIMIT  Change a user's disk limit at once: 50G, none, or default (hub.disk_limit); can be "
            "repeated"
        ),
        "dry-run": "Only show what would change",
    },
)
def users(
    choice: ManifestOptions,
    domain: str = "",
    operator_key: str = "",
    list: bool = False,
    add: Several = None,
    from_: str = "",
    reset: Several = None,
    remove: Several = None,
    disk_limit: Several = None,
    dry_run: bool = False,
    json: bool = False,
) -> None:
    """List, add, reset or remove users; prints first passwords once.

    --disk-limit changes how much one may keep.
    If a name or a line of a file is wrong, nothing is changed.
    """
    from build.hubs.hub import Hub
    from build.operate import user_changes
    from build.operate.ssh import ssh_session

    with cli_session() as report:
        hub = Hub.named(domain)
        changes = user_changes.Changes.wanted(add or (), from_, reset or (), remove or (), disk_limit or ())
        chosen = choice.load()
        with ssh_session(hub, connect_to(chosen, report), chosen, report, operator_key) as session:
            jobs = _jobs(changes, list=list)
            for verb in sorted({what.split()[0] for what, _ in jobs}):
                session.require(f"users --{verb}")
            rows = []
            if changes.any:
                rows = user_changes.rows(changes, loads(session.run(f"{USERS_PROGRAM} list --json")))
            if dry_run:
                report.document(
                    [dict(zip(user_changes.COLUMNS, row, strict=True)) for row in rows]
                ) if json else (report.table(user_changes.COLUMNS, rows))
                return
            _change_users(session, jobs, report, json=json)


def _change_users(
    session: SshSession, jobs: Sequence[tuple[str, Sequence[str]]], report: Reporter, *, json: bool
) -> None:
    for what, names in jobs:
        data = "".join(f"{name}\n" for name in names) if what == "add -" else ""
        if not session.show(_users_line(what, names, json=json), data=data):
            report.note("done")


def _jobs(changes: Changes, *, list: bool) -> Sequence[tuple[str, Sequence[str]]]:
    """What the machine's own program is asked for, with the names; it takes one reset at a time."""
    resets = [("reset", (name,)) for name in changes.reset]
    limits = [f"{name}={limit}" for name, limit in changes.limits]
    jobs = [
        ("add -", changes.add),
        *resets,
        ("remove", changes.remove),
        ("disk-limit", limits),
        ("list", ("all",) if list else ()),
    ]
    return [(what, names) for what, names in jobs if names] or [("list", ())]


def _users_line(what: str, names: Sequence[str], *, json: bool) -> str:
    """The command line on the machine; names to add go through standard input, however many they are."""
    given = (
        "".join(f" {shlex.quote(name)}" for name in names)
        if what in ("reset", "remove", "disk-limit")
        else ""
    )
    return f"{USERS_PROGRAM} {what}{given}" + (" --json" if json else "")


@manifest_task(
    help=DOMAIN | KEY | {"command": "LINE  Run this and return its exit status (default: a shell)"}
)
def ssh(choice: ManifestOptions, domain: str = "", operator_key: str = "", command: str = "") -> None:
    """Open a shell on a hub; port 22 is open to you meanwhile."""
    from build.hubs.hub import Hub
    from build.operate.ssh import ssh_session

    with cli_session(when_stopped="port 22 is closed again") as report:
        hub, chosen = Hub.named(domain), choice.load()
        with ssh_session(hub, connect_to(chosen, report), chosen, report, operator_key) as session:
            code = session.follow(command, terminal=not command)
    if code:
        raise Exit(code=code)


@manifest_task(
    iterable=["unit"],
    help=DOMAIN
    | KEY
    | {
        "follow": "Print new lines as they come, until Ctrl-C",
        "lines": "NUMBER  How many of the last lines (default: 200)",
        "unit": f"NAME  Of this systemd unit; can be repeated (default: {', '.join(UNITS)})",
        "console": "The serial console instead, which needs no ssh",
    },
)
def logs(
    choice: ManifestOptions,
    domain: str = "",
    operator_key: str = "",
    follow: bool = False,
    lines: int = 200,
    unit: Several = None,
    console: bool = False,
) -> None:
    """Show a hub's log, or its console."""
    from build.aws.instances import console_tail
    from build.hubs.hub import Hub
    from build.operate.ssh import running_instance, ssh_session

    with cli_session(when_stopped="") as report:
        hub, chosen = Hub.named(domain), choice.load()
        clients = connect_to(chosen, report)
        if console:
            report.result(console_tail(clients.ec2, running_instance(hub, clients).id, lines))
            return
        units = "".join(f" -u {shlex.quote(name)}" for name in unit or UNITS)
        with ssh_session(hub, clients, chosen, report, operator_key) as session:
            code = session.follow(
                f"journalctl --no-pager -o short-iso -n {lines}{' -f' if follow else ''}{units}", root=True
            )
    if code:
        raise Exit(code=code)


@manifest_task(
    name="open",
    help=DOMAIN
    | {"browser": "NAME  Which browser (default: the first one found)", "dry-run": "Only print the command"},
)
def open_(choice: ManifestOptions, domain: str = "", browser: str = "", dry_run: bool = False) -> None:
    """Open a hub in a browser that finds and trusts it.

    It needs neither this machine's DNS nor its CAs: for hubs of the local
    cloud, and for names that are not yet known everywhere.
    """
    from build.hubs.hub import Hub
    from build.operate import browser as browsers

    with cli_session() as report:
        hub, chosen = Hub.named(domain), choice.load()
        line = browsers.command(hub, connect_to(chosen, report), browser)
        if not dry_run:
            browsers.start(line, hub)
        report.result(shlex.join(line) if dry_run else hub.url)
