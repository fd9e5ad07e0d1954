"""Launch and destroy: launch, destroy."""

from __future__ import annotations

from build.commands.choice import Choice, choosing
from build.commands.common import JSON, connect_to, talking
from build.errors import UserError
from build.launch import destroy as destroyer
from build.launch import recipe
from build.launch.hub import Hub
from build.launch.state import Launch
from build.launch.wishes import Options, wishes
from build.report import Reporter

DOMAIN = {"domain": "the hub's name, such as hub.example.org"}
_GOES_ON = "the same command again goes on from here"


@choosing(
    auto_shortflags=False,  # it has more options than letters
    help=JSON
    | DOMAIN
    | {
        "email": "where Let's Encrypt writes to (default: launch.email)",
        "admin": "who administers the hub; the first password is printed once (default: launch.admin)",
        "ami": "this image (default: the newest published one)",
        "instance-type": "of the hub (default: launch.instance_type)",
        "subnet": "in which it lives (default: launch.subnet_id, else one of the default VPC)",
        "data-size": "GiB of the data volume; more than it has lets it grow",
        "operator-key": "private key to log in with from now on (default: one made for this hub)",
        "staging": "certificates of Let's Encrypt's staging directory",
        "no-dns": "leave DNS alone and print the record to make",
        "rehearse": "everything but the DNS record, with staging certificates",
        "take-over": "replace a DNS record that points elsewhere",
        "replace": "put a newer image, another type or subdomains in place of the instance that runs",
        "no-wait": "do not wait until https answers",
    },
)
def launch(
    choice: Choice,
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
    """Have a hub running: instance, address, name, certificate, disk; prints its https address. Again: changes what differs."""
    with talking(when_stopped=_GOES_ON) as report:
        hub = Hub.named(domain)
        chosen = choice.load()
        options = Options(ami, instance_type, subnet, data_size, email, admin, staging, no_dns, rehearse, take_over, replace, no_wait)
        wanted = wishes(chosen, options)
        done = recipe.launch(chosen, connect_to(chosen, report), report, hub, wanted, operator_key)
        _tell(done, report, json=json)


def _tell(done: Launch, report: Reporter, *, json: bool) -> None:
    """The result; the password is shown now and not again."""
    if json:
        report.document(recipe.document(done))
    else:
        if done.password:
            hours = done.wishes.defaults.first_password_hours
            report.note(f"the first login, shown this once; it works for {hours} hours, and has to set a new password:")
            report.result(f"{done.wishes.admin} {done.password}")
        report.result(done.hub.url)
    if done.password:
        recipe.password_was_shown(done)


@choosing(help=JSON | DOMAIN | {"yes": "do not ask", "with-data": "delete the data volume and its snapshots too: nothing is kept"})
def destroy(choice: Choice, domain: str = "", yes: bool = False, with_data: bool = False, json: bool = False) -> None:
    """Remove a hub: instance, record, address, role, group, parameters. Its data volume stays, with a snapshot."""
    with talking(when_stopped=_GOES_ON) as report:
        hub = Hub.named(domain)
        chosen = choice.load()
        clients = connect_to(chosen, report)
        if not yes:
            _ask(hub, with_data=with_data)
        done = destroyer.destroy(chosen, clients, report, hub, with_data=with_data)
        if json:
            report.document({"domain": hub.domain, "changes": done.changes})
        elif not done.changes:
            report.note(f"there was nothing of {hub.domain}")


def _ask(hub: Hub, *, with_data: bool) -> None:
    lost = "with all homes, notebooks and users" if with_data else "but for its data volume"
    try:
        answer = input(f"{hub.domain} will be gone, {lost}. Type its name: ")
    except EOFError:
        answer = ""
    if answer.strip().lower() != hub.domain:
        raise UserError("nothing was removed", hint="--yes skips the question")
