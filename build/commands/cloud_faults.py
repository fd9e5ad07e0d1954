"""cloud.faults: let the local cloud have a bad day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from invoke import Context

from build.commands.command import command
from build.commands.common import JSON, cli_session
from build.commands.options import Several
from build.errors import UserError
from build.report.reporter import Reporter

_HELP = {
    "error": "CALL=CODE  Answer a call with an error: RunInstances=InsufficientInstanceCapacity, "
    "'ec2:Describe*=ConnectionReset'",
    "delay": "CALL=SECONDS  Let a call take longer",
    "times": "NUMBER  How often --error and --delay happen (default: always)",
    "where": "PARAMETER=PATTERN  Only for such calls: InstanceType=t3.nano; can be repeated",
    "state": "CHANGE=SECONDS  Delay a change of state: running, stopped, terminated, image, snapshot, "
    "volume, attached, detached or optimized",
    "hide": "RESOURCE=SECONDS  Hide each new instance, volume, snapshot, image, security-group, address, "
    "role or instance-profile (or *, all of them) from every call",
    "no-capacity": "ZONE=TYPE  Let a zone have no capacity for an instance type: us-east-1a=t3.large, "
    "'us-east-1?=t3.*'",
    "consistency": "SECONDS  Hide what is new from some calls, for so long at most; the cloud's seed decides "
    "from which",
    "route53-pending": "Let Route 53's changes stay PENDING",
    "acme-refuse": "Let Pebble refuse every certificate",
    "profile": "NAME  A set of faults: like-aws (AWS's times), throttled",
    "freeze": "INSTANCE-ID  Pause a machine",
    "thaw": "INSTANCE-ID  Resume a machine",
    "kill": "INSTANCE-ID  End a machine as a crash would",
    "expire-credentials": "ROLE|all  End the sessions of a role now, or the one with this access key",
    "clear": "NUMBER|all  Remove a fault",
}


@command(help={**_HELP, **JSON}, iterable=["where"])
def faults(
    _: Context,
    error: str = "",
    delay: str = "",
    times: int = 0,
    where: Several = None,
    state: str = "",
    hide: str = "",
    no_capacity: str = "",
    consistency: str = "",
    route53_pending: bool = False,
    acme_refuse: bool = False,
    profile: str = "",
    freeze: str = "",
    thaw: str = "",
    kill: str = "",
    expire_credentials: str = "",
    clear: str = "",
    json: bool = False,
) -> None:
    """Make calls and machines fail; list and clear faults.

    A restart of the local cloud clears them too.
    """
    with cli_session() as report:
        from localcloud.faults import client  # when it runs: see cloud.py

        url = _url()
        if clear:
            client.clear(url, "" if clear == "all" else clear)
        wanted = [
            *_of_calls(error, delay, times, where or ()),
            *_of_states(state, hide, consistency),
            *_of_zones(no_capacity),
            *_of_services(route53_pending=route53_pending, acme_refuse=acme_refuse),
        ]
        _add(url, profile, wanted)
        _act(url, {"freeze": freeze, "thaw": thaw, "kill": kill}, expire_credentials, report)
        _show(url, report, json=json)


def _url() -> str:
    from localcloud.server import control

    endpoint = control.find(control.default_folder())
    if endpoint is None:
        raise UserError("the local cloud is not running", hint="`invoke cloud.up` starts it")
    return endpoint.url


def _add(url: str, profile: str, wanted: list[dict[str, Any]]) -> None:
    from localcloud.faults import client

    if profile:
        client.add_profile(url, profile)
    if wanted:
        client.add(url, wanted)


def _act(url: str, machines: Mapping[str, str], sessions: str, report: Reporter) -> None:
    """What happens once: to machines ({what: instance id}) and to sessions; nothing where no one is named."""
    from localcloud.faults import client

    for act, instance_id in machines.items():
        if instance_id:
            client.machine(url, instance_id, act)
    if sessions:
        for arn in client.expire(url, sessions):
            report.note(f"expired: {arn}")


def _show(url: str, report: Reporter, *, json: bool) -> None:
    from localcloud.faults import client

    listed = client.listed(url)
    report.document(listed) if json else report.table(("number", "fault", "", "still"), _rows(listed))


def _of_calls(error: str, delay: str, times: int, where: Iterable[str]) -> list[dict[str, Any]]:
    conditions: dict[str, Any] = {
        "times": times or None,
        "where": dict(_pair("where", condition) for condition in where),
    }
    wanted = []
    if error:
        call, code = _pair("error", error)
        wanted.append({"kind": "error", "call": call, "code": code, **conditions})
    if delay:
        call, seconds = _pair("delay", delay)
        wanted.append({"kind": "delay", "call": call, "seconds": _seconds("delay", seconds), **conditions})
    return wanted


def _of_states(state: str, hide: str, consistency: str) -> list[dict[str, Any]]:
    wanted: list[dict[str, Any]] = []
    if state:
        change, seconds = _pair("state", state)
        wanted.append({"kind": "state", "change": change, "seconds": _seconds("state", seconds)})
    if hide:
        resource, seconds = _pair("hide", hide)
        wanted.append({"kind": "hide", "resource": resource, "seconds": _seconds("hide", seconds)})
    if consistency:
        wanted.append({"kind": "consistency", "seconds": _seconds("consistency", consistency)})
    return wanted


def _of_zones(no_capacity: str) -> list[dict[str, Any]]:
    if not no_capacity:
        return []
    zone, instance_type = _pair("no-capacity", no_capacity)
    return [{"kind": "no-capacity", "zone": zone, "instance_type": instance_type}]


def _of_services(*, route53_pending: bool, acme_refuse: bool) -> list[dict[str, Any]]:
    wanted = (("route53-pending", route53_pending), ("acme-refuse", acme_refuse))
    return [{"kind": kind} for kind, is_wanted in wanted if is_wanted]


def _pair(option: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise UserError(f"--{option} {text}: must be NAME=VALUE", hint=_HELP[option])
    return name, value


def _seconds(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UserError(f"--{option}: {text!r} is not a number of seconds", hint=_HELP[option]) from None


def _rows(listed: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    rows = []
    for fault in listed["faults"]:
        place = next((fault[key] for key in ("call", "change", "resource", "zone") if key in fault), "")
        details = [
            fault.get("code") or fault.get("instance_type", ""),
            f"{fault['seconds']:g} s" if "seconds" in fault else "",
        ]
        details += [f"where {name}={pattern}" for name, pattern in fault.get("where", {}).items()]
        left = "always" if fault["left"] is None else f"{fault['left']} times"
        rows.append(
            (str(fault["number"]), f"{fault['kind']} {place}".strip(), " ".join(filter(None, details)), left)
        )
    return rows + [
        ("", f"frozen {instance_id}", "", "until it is thawed") for instance_id in listed["frozen"]
    ]
