"""Launch and destroy: launch, destroy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from build.commands.common import JSON, answer_to, cli_session, connect_to
from build.commands.options import ManifestOptions, manifest_task
from build.errors import UserError
from build.report.reporter import Reporter

if TYPE_CHECKING:
    from build.hubs.hub import Hub
    from build.launch.state import LaunchState

DOMAIN = {"domain": "DOMAIN  The hub's name, such as hub.example.org (required)"}
_GOES_ON = "run the same command again to go on from here"


@manifest_task(
    help=JSON
    | DOMAIN
    | {
        "email": "ADDRESS  Let's Encrypt account (required, or launch.email)",
        "admin": "NAME  The hub's administrator; the first password is printed once (default: launch.admin)",
        "ami": "AMI-ID  Launch this image (default: the newest published one)",
        "instance-type": "TYPE  Instance type (default: launch.instance_type, then launch.instance_types)",
        "subnet": "SUBNET-ID  Subnet of the instance (default: launch.subnet_id, launch.subnet_ids, else "
        "a default subnet)",
        "data-size": "GIB  Size of the data volume; a larger number grows one that is there",
        "operator-key": "FILE  Private key to log in with from now on (default: one made for this hub)",
        "staging": "Use Let's Encrypt's staging directory",
        "no-dns": "Leave DNS alone; print the record to create",
        "rehearse": "Do everything but the DNS record, with staging certificates",
        "take-over": "Replace a DNS record that points elsewhere",
        "replace": "Replace the running instance where image, type, subdomains or launch data differ",
        "no-wait": "Do not wait until the hub answers",
    },
)
def launch(
    choice: ManifestOptions,
    domain: str = "",
    email: str = "",
    admin: str = "",
    ami: str = "",
    instance_type: str = "",
    subnet: str = "",
    data_size: int = 0,
    operator_key: str = "",
    staging: bool = False,
    no_dns: bool = False,
    rehearse: bool = False,
    take_over: bool = False,
    replace: bool = False,
    no_wait: bool = False,
    json: bool = False,
) -> None:
    """Launch a hub, or bring one up to date, and print its URL.

    Makes the instance, its address, DNS record, data volume, security group
    and role. Safe to run again: it changes what differs.
    """
    from build.hubs.hub import Hub
    from build.launch import recipe
    from build.launch.options import CliOptions, check_email, resolve_options

    with cli_session(when_stopped=_GOES_ON) as report:
        hub = Hub.named(domain)
        chosen = choice.load()
        # In the order of its fields.
        places = (ami, instance_type, subnet, data_size, email, admin)
        switches = (staging, no_dns, rehearse, take_over, replace, no_wait)
        wanted = resolve_options(chosen, CliOptions(*places, *switches))
        check_email(chosen, wanted)
        done = recipe.launch(chosen, connect_to(chosen, report), report, hub, wanted, operator_key)
        _tell(done, report, json=json)


def _tell(done: LaunchState, report: Reporter, *, json: bool) -> None:
    """The result; the password is shown now and not again."""
    from build.launch import recipe

    if json:
        report.document(recipe.document(done))
    else:
        if done.password:
            hours = done.options.defaults.first_password_hours
            report.note(
                f"first login, shown only once; it works for {hours} hours and must set a new password:"
            )
            report.result(f"{done.options.admin} {done.password}")
        report.result(done.hub.url)
    if done.password:
        recipe.password_was_shown(done)


@manifest_task(
    help=JSON | DOMAIN | {"yes": "Do not ask", "with-data": "Delete the data volume and its snapshots too"}
)
def destroy(
    choice: ManifestOptions, domain: str = "", yes: bool = False, with_data: bool = False, json: bool = False
) -> None:
    """Remove a hub; its data volume stays, with a snapshot.

    Removes its instance, DNS record, address, role, security group and
    parameters.
    """
    from build.hubs.hub import Hub
    from build.launch import destroy as destroyer

    with cli_session(when_stopped=_GOES_ON) as report:
        hub = Hub.named(domain)
        chosen = choice.load()
        clients = connect_to(chosen, report)
        if not yes:
            _ask(hub, with_data=with_data)
        done = destroyer.destroy(chosen, clients, report, hub, with_data=with_data)
        if json:
            report.document({"domain": hub.domain, "changes": done.changes})
        elif not done.changes:
            report.note(f"no resources of {hub.domain} found")


def _ask(hub: Hub, *, with_data: bool) -> None:
    lost = "with all homes, notebooks and users" if with_data else "but not its data volume"
    if answer_to(f"{hub.domain} will be removed, {lost}. Type its name: ").lower() != hub.domain:
        raise UserError("nothing was removed", hint="--yes skips the question")
