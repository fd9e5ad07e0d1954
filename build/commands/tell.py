"""Messages to a hub's users."""

from __future__ import annotations

from json import loads

from build.commands.common import JSON, cli_session, connect_to
from build.commands.hubs import KEY
from build.commands.launch import DOMAIN
from build.commands.options import ManifestOptions, Several, manifest_task
from build.errors import UserError
from build.image_contract import TELL_PROGRAM


@manifest_task(
    iterable=["user"],
    help=JSON
    | DOMAIN
    | KEY
    | {
        "text": "MESSAGE  Plain text of up to 500 characters",
        "user": "NAME  Only for this user; can be repeated (default: everybody, and the login page)",
        "until": "TIME  Show it until then: 30m, 2h, 1d, 18:00, 2026-12-24T18:00 (default: until --clear)",
        "stop-at": "TIME  Say that servers will be stopped then; this command stops nothing",
        "clear": "Take back all messages, or with --user those for that user",
    },
)
def tell(
    choice: ManifestOptions,
    domain: str = "",
    operator_key: str = "",
    text: str = "",
    user: Several = None,
    until: str = "",
    stop_at: str = "",
    clear: bool = False,
    json: bool = False,
) -> None:
    """Show a message in users' notebooks and on the hub's pages.

    Without --text, --stop-at or --clear, list the messages that are shown now.
    A restart of the machine ends all of them.
    """
    from build.hubs.hub import Hub
    from build.operate import messages
    from build.operate.ssh import ssh_session

    with cli_session() as report:
        hub = Hub.named(domain)
        telling = messages.Telling.wanted(text, user or (), until, stop_at)
        says = bool(telling.text) or telling.stop_at is not None
        if clear and (says or telling.until is not None):
            raise UserError("--clear takes messages back: --text, --until and --stop-at do not go with it")
        if (telling.until is not None or telling.users) and not (says or clear):
            raise UserError('--text is required. Example: --text "The disk is made larger" --until 30m')
        chosen = choice.load()
        with ssh_session(hub, connect_to(chosen, report), chosen, report, operator_key) as session:
            session.require("tell")
            if clear:
                number = int(session.run(messages.clear_line(telling.users)))
                report.note(f"{number} taken back")
            elif says:
                session.run(telling.line(), data=telling.text)
            rows = loads(session.run(f"{TELL_PROGRAM} list"))
        report.document(rows) if json else report.table(
            messages.COLUMNS, [messages.cells(row) for row in rows]
        )
