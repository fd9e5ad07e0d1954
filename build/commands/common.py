"""What the commands share: clients of the cloud, errors as words and an exit code.

The local cloud is imported where it is used: whoever works on AWS alone has not installed what it runs on.
"""

from __future__ import annotations

import errno
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from invoke import Exit

from build import paths
from build.errors import HubsmithError, UserError
from build.pipeline import Interrupted, OnFailure, interruptible
from build.report.reporter import Reporter

if TYPE_CHECKING:
    from build.aws.session import Clients, Cloud
    from build.manifest import Manifest

JSON = {"json": "Print one JSON document"}


def connect_to(manifest: Manifest, report: Reporter, *, base: bool = False) -> Clients:
    """Clients of the manifest's cloud.

    The first line says which one it is; the local one is started if need be.

    With ``base`` the local cloud also gets the base image that the manifest asks for.
    """
    from build.aws.session import Cloud, connect

    if manifest.cloud != "local":
        clients = connect(Cloud(manifest.cloud, manifest.region))
        report.note(str(clients))
        warn_of_endpoint(report, clients.ec2, clients.ssm, clients.route53, clients.iam)
        return clients
    from localcloud import base_image
    from localcloud.server import control

    report.note(f"cloud local · account {control.ACCOUNT} · region {manifest.region}")
    family = base_image.family_for(manifest.base.name or "") if base else None
    return connect(local_cloud(report, family, region=manifest.region))


def warn_of_endpoint(report: Reporter, *clients: object) -> None:
    """Say so when the calls of --cloud aws do not go to AWS."""
    from build.aws.session import elsewhere

    if url := elsewhere(*clients):
        report.warn(
            f"calls go to {url}, not to AWS: unset AWS_ENDPOINT_URL, or the endpoint_url of your profile"
        )


def local_cloud(report: Reporter, *families: str | None, region: str | None = None) -> Cloud:
    """The local cloud, started if need be, with these base images made if need be."""
    from build.aws.session import Cloud, GuestView
    from localcloud import base_image
    from localcloud.server import control

    if not control.find(control.default_folder()):
        control.require_host()  # before a base image is made, which takes its time
    for family in filter(None, families):
        # SIGTERM, too, ends the tools that make one, and those that fetch QEMU.
        with report.step(f"base image {family}"), interruptible(report):
            base_image.ensure(family, progress=report.waiting)
    with report.step("local cloud"), interruptible(report):
        endpoint = control.ensure_up(progress=report.waiting)
    guest = GuestView(endpoint.guest_url, endpoint.acme_directory, endpoint.acme_ca)
    return Cloud(
        "local",
        region or endpoint.region,
        endpoint.url,
        endpoint.access_key,
        endpoint.secret_key,
        guest,
        endpoint.acme_roots,
    )


_LOCAL_CLOUD = str(Path(__file__).parents[2] / "localcloud")
CLEANED_UP = "what had been made was removed; `invoke sweep --dry-run` shows whether anything is left"


@contextmanager
def cli_session(
    *, verbose: bool = False, quiet: bool = False, when_stopped: str = CLEANED_UP
) -> Iterator[Reporter]:
    """The one place where errors become words and an exit code; ``when_stopped`` is an interrupt's hint."""
    from build.aws.errors import explain

    report = Reporter(verbose=verbose, quiet=quiet)
    try:
        yield report
    except Interrupted as exc:
        report.failure(HubsmithError(f"stopped by {exc}", hint=when_stopped or None))
        raise Exit(code=1) from None
    except KeyboardInterrupt:
        report.failure(HubsmithError("stopped"))
        raise Exit(code=1) from None
    except Exception as exc:
        known = (
            exc if isinstance(exc, HubsmithError) else explain(exc) or _not_installed(exc) or _of_system(exc)
        )
        report.failure(known or _unexpected())
        raise Exit(code=known.exit_code if known else 1) from None


def confirm(what: str, *, yes: bool, hint: str = "--yes skips the question") -> None:
    """Ask, unless --yes was given. Raises UserError when the answer is no, or nobody is there to give one."""
    if yes:
        return
    if not sys.stdin.isatty() or answer_to(f"{what}. Type 'yes': ") != "yes":
        raise UserError("nothing was removed", hint=hint)


def answer_to(question: str) -> str:
    """What is typed, without blanks around it; nothing after Ctrl-D."""
    try:
        return input(question).strip()
    except EOFError:
        return ""


def parse_on_failure(on_failure: str) -> OnFailure:
    """What --on-failure asks for. Raises UserError for a word that is none."""
    try:
        return OnFailure(on_failure)
    except ValueError:
        raise UserError(f"--on-failure {on_failure}: not a policy", hint="cleanup or keep") from None


def _not_installed(exc: Exception) -> HubsmithError | None:
    """A library that only the local cloud needs, and that is not there."""
    frames = traceback.extract_tb(exc.__traceback__)
    if isinstance(exc, ModuleNotFoundError) and any(
        frame.filename.startswith(_LOCAL_CLOUD) for frame in frames
    ):
        return UserError(
            f"the local cloud's libraries are missing: {exc.name}",
            hint="run `make setup`; --cloud aws needs none of them",
        )
    return None


_OF_THE_USER = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR)
_MOST = 500  # characters of a message
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT)


def _of_system(exc: Exception) -> HubsmithError | None:
    """What the system refuses: rights, a name, a read-only or a full disk."""
    if not isinstance(exc, OSError) or exc.errno not in (*_OF_THE_USER, *_OF_THE_DISK):
        return None
    said = (exc.strerror or str(exc)).lower()
    message = f"{exc.filename}: {said}" if exc.filename else said
    if exc.errno in _OF_THE_USER:
        return UserError(message[:_MOST], hint="check the name, the owner and the mode of the file")
    return HubsmithError(
        message, hint="`df -h` shows which disk is full; `invoke cloud.status` what is kept where"
    )


def _unexpected() -> HubsmithError:
    """A bug of ours: two lines for the screen, the rest for the log."""
    details = traceback.format_exc()
    last = details.strip().splitlines()[-1]
    return HubsmithError(f"unexpected: {last}", hint=f"this is a bug; the details {_kept(details)}")


def _kept(details: str) -> str:
    """Where the details are: in the state folder, or where else something can be written."""
    try:
        log = paths.state_dir() / "debug.log"
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{details}\n")
    except (UserError, OSError):
        return f"could not be kept:\n{details}"
    return f"are in {log}"
