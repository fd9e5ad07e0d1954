"""The steps that boot, timers and `certificate renew` share: get what is missing, serve what is there."""

from __future__ import annotations

import logging
import os
import subprocess
import time

from hubsmith_certificate import acme, attempts, pem, problem
from hubsmith_machine.launch import Launch

log = logging.getLogger("hubsmith")


class NotServedError(Exception):
    """There is a certificate, and the proxy does not serve it; the message is the deploy hook's."""


def at_boot(launch: Launch, limit_s: float) -> str | None:
    """Put the domain's certificate in place, got within ``limit_s`` seconds; else why there is none."""
    refused = _attempt(launch, limit_s) if acme.usable(launch) is None else None
    return refused or deploy(launch)


def when_due(launch: Launch, limit_s: float) -> str | None:
    """The timer's: nothing while there is one or it is too early to ask again; else why there is none."""
    if acme.usable(launch) is None:
        wait_s = attempts.pause_s(attempts.failures(), time.time())
        if wait_s > 0:
            log.info("no certificate yet; the next attempt is in %d min", wait_s // 60 + 1)
            return None
        if refused := _attempt(launch, limit_s):
            return refused
    return deploy(launch)


def renew(launch: Launch, limit_s: float, *, force: bool) -> None:
    """Renew when its time has come, or now. Raises AcmeError, NotServedError, which `status` shows too."""
    try:
        acme.get(launch, limit_s, force=force)
    except acme.AcmeError as exc:
        problem.note(str(exc))
        raise
    attempts.succeeded()
    if not_served := deploy(launch):
        problem.note(not_served)
        raise NotServedError(not_served)
    problem.forget()


def deploy(launch: Launch) -> str | None:
    """Let the proxy serve what certbot keeps, unless it does already; what the hook said if that fails."""
    folder = acme.lineage(launch)
    same = all(
        _content(folder / name) == _content(pem.SERVED / name) for name in ("fullchain.pem", "privkey.pem")
    )
    if same:
        return None
    done = subprocess.run(
        [acme.HOOK],
        env={**os.environ, "RENEWED_LINEAGE": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    log.info("%s", done.stdout.strip())
    return (
        None
        if done.returncode == 0
        else (done.stderr.strip() or f"{acme.HOOK} ended with status {done.returncode}")
    )


def _attempt(launch: Launch, limit_s: float) -> str | None:
    if not attempts.may_try(attempts.failures(), time.time()):
        return "too many attempts in an hour: the next one waits"
    log.info("asking for a certificate for %s", launch.domain)
    try:
        acme.get(launch, limit_s)
    except acme.AcmeError as exc:
        attempts.failed()
        problem.note(str(exc))
        return str(exc)
    attempts.succeeded()
    problem.forget()
    return None


def _content(path: os.PathLike[str]) -> bytes | None:
    try:
        with open(path, "rb") as stream:  # noqa: PTH123 - PathLike
            return stream.read()
    except OSError:
        return None
