"""Is the hub there?

Its https from outside, what its instance says of itself, and its console when neither helps.
"""

from __future__ import annotations

from build.aws.instances import console_tail
from build.aws.wait import wait_until
from build.errors import CloudError, HubsmithError
from build.hubs import boot_status, https_probe
from build.hubs.https_probe import HttpsProbe, trust_of
from build.hubs.models import Certificate
from build.image_contract import FAILED, READY
from build.launch.caller_ingress import https_allowed
from build.launch.state import LaunchState
from build.pipeline import Step

_EVERY_S = 3.0
_TRIES_AGAIN = (
    "the instance tries again by itself; run the same command again to see, or `invoke status` for details"
)


class WaitForHub(Step[LaunchState]):
    """Wait until the hub answers on its address, over https, with a certificate for its name.

    Needs: address, instance_id, names. Produces: certificate.
    """

    title = "wait for https"

    def run(self, state: LaunchState) -> None:
        """Raises HubsmithError with the instance's own words, its console's end, or its kernel's reports."""
        if state.options.wait:
            state.certificate = wait(state, state.address.ip)
        else:
            state.report.note(
                f"not waited for: `invoke status --domain {state.hub.domain}` shows whether the hub is ready"
            )


def wait(state: LaunchState, ip: str) -> Certificate | None:
    """Wait until the hub answers well on ``ip``; the certificate it serves.

    A kernel panic or an oops ends the wait at once.
    """

    failures: set[str] = set()

    def look() -> HttpsProbe:
        seen = https_probe.probe(
            ip,
            state.hub.domain,
            trust_of(state.clients, staging=state.options.staging),
            more_names=state.names[1:],
        )
        if seen.ok:
            return seen
        _check_kernel(state)
        return _judge(state, seen, failures)

    try:
        with https_allowed(state):
            return wait_until(
                look,
                lambda seen: seen.ok,
                what=state.hub.domain,
                describe=lambda seen: seen.problem,
                timeout_s=state.options.defaults.ready_minutes * 60,
                on_wait=state.report.waiting,
                interval_s=_EVERY_S,
            ).certificate
    except CloudError as exc:
        _check_kernel(state, now=True)
        raise HubsmithError(
            exc.message + state.kernel.likely_cause(), hint=_what_the_console_says(state)
        ) from exc


def _check_kernel(state: LaunchState, *, now: bool = False) -> None:
    if fault := state.kernel.check(state.report.warn, now=now):
        hint = f"`invoke logs --domain {state.hub.domain} --console` shows the kernel's call trace"
        raise HubsmithError(f"{state.instance_id}: {fault}", hint=hint)


def _judge(state: LaunchState, seen: HttpsProbe, failures: set[str]) -> HttpsProbe:
    """Not well yet: is it under way, as well as it will be, or has it failed?

    ``failures`` are the times of those seen so far.
    """
    status = boot_status.published(state.clients, state.hub)
    # nothing yet, or of an instance before this one
    if not status.phase or status.instance_id not in ("", state.instance_id):
        return seen
    if status.phase == FAILED:
        failures.add(status.at)
    # the instance tries again by itself, and what it needed may have come a moment late
    if len(failures) > 1:
        raise HubsmithError(
            f"{state.instance_id} could not start the hub: {status.message}",
            hint=_what_the_console_says(state),
        )
    if status.phase == READY and seen.certificate and seen.certificate.self_signed:
        if state.zone is None:
            return HttpsProbe("", seen.certificate)
        raise HubsmithError(
            f"the hub answers, but with a self-signed certificate: {status.message or 'it got none'}",
            hint=_TRIES_AGAIN,
        )
    if (
        status.phase == READY
        and seen.certificate
        and (missing := sorted({*state.names[1:]} - {*seen.certificate.names}))
    ):
        raise HubsmithError(
            f"the hub answers, but its certificate is not for {', '.join(missing)}: "
            f"{status.message or 'it got no other'}",
            hint=_TRIES_AGAIN,
        )
    return HttpsProbe(str(status) if status.phase != READY else seen.problem, seen.certificate)


def _what_the_console_says(state: LaunchState) -> str:
    return f"`invoke logs --domain {state.hub.domain}` shows more; the end of the console:\n" + console_tail(
        state.clients.ec2, state.instance_id
    )
