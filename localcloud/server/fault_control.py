"""The control endpoint of this cloud: faults, machines that freeze or die, and sessions that end.

    GET    /hubsmith/faults        {"faults": [{"number": 1, "kind": "error", …, "left": 2}],
                                   "frozen": ["i-…"]}
    POST   /hubsmith/faults        [fault, …], or {"profile": "like-aws"}
    DELETE /hubsmith/faults[/N]    all, with the delays under way and frozen machines let go; or one
    POST   /hubsmith/machines/i-…  {"do": "freeze"}, "thaw" or "kill"
    POST   /hubsmith/sessions      {"expire": "all"}, a role or an access key; {"expired": [ARN]}

A POST has to be application/json, which no web page may send here unasked.
"""

from __future__ import annotations

import json
from typing import Any

from werkzeug.wrappers import Request, Response

from build.errors import HubsmithError, UserError
from localcloud.ec2.host import Host
from localcloud.faults.fault import Fault
from localcloud.faults.profiles import profile
from localcloud.iam import sessions

FAULTS_PATH, MACHINES_PATH, SESSIONS_PATH = "/hubsmith/faults", "/hubsmith/machines/", "/hubsmith/sessions"


def is_ours(path: str) -> bool:
    """Is that path answered here?"""
    return path in (FAULTS_PATH, SESSIONS_PATH) or path.startswith((f"{FAULTS_PATH}/", MACHINES_PATH))


def answer(host: Host, request: Request, body: bytes) -> Response:
    """Answer one request; a mistake in it is answered 400 with words."""
    try:
        return _json(_answer(host, request, body), 200)
    except HubsmithError as problem:
        return _json(
            {"error": problem.message, "hint": problem.hint}, 400 if isinstance(problem, UserError) else 500
        )


def _answer(host: Host, request: Request, body: bytes) -> object:
    if request.method == "POST":
        said = _parsed(request, body)
        if request.path == SESSIONS_PATH:
            return {"expired": _expire(host, said)}
        if request.path.startswith(MACHINES_PATH):
            _machine(host, request.path.removeprefix(MACHINES_PATH), said)
        elif request.path == FAULTS_PATH:
            host.faults.set(*_faults(said))
    elif request.method == "DELETE" and not request.path.startswith(MACHINES_PATH):
        _clear(host, request.path.removeprefix(FAULTS_PATH).strip("/"))
    return {
        "faults": [
            {"number": number, **fault.shown(), "left": left} for number, fault, left in host.faults.listed()
        ],
        "frozen": sorted(host.frozen),
    }


def _parsed(request: Request, body: bytes) -> Any:  # noqa: ANN401  # JSON; what is made of it checks it
    if request.mimetype != "application/json":
        raise UserError("faults are set with Content-Type: application/json")
    try:
        return json.loads(body)
    except ValueError as problem:
        raise UserError(f"this is not JSON: {problem}") from None


def _faults(said: object) -> tuple[Fault, ...]:
    if isinstance(said, dict) and set(said) == {"profile"}:
        return profile(str(said["profile"]))
    return tuple(Fault.read(each) for each in (said if isinstance(said, list) else [said]))


def _clear(host: Host, number: str) -> None:
    if number and not (number.isdecimal() and host.faults.clear(int(number))):
        raise UserError(f"there is no fault {number}", hint="`invoke cloud.faults` lists them")
    if not number:
        host.faults.clear()
        for instance_id in sorted(host.frozen):
            host.thaw(instance_id)


def _machine(host: Host, instance_id: str, said: object) -> None:
    wanted = said.get("do") if isinstance(said, dict) else None
    acts = {"freeze": host.freeze, "thaw": host.thaw, "kill": host.kill_machine}
    if wanted not in acts:
        raise UserError(f"a machine cannot be asked to {wanted!r}", hint=f"there are {', '.join(acts)}")
    if "/" in instance_id or not host.machine(instance_id).is_running():
        raise UserError(
            f"{instance_id or 'no machine'} is not running",
            hint="`invoke cloud.status` lists the machines that run",
        )
    acts[wanted](instance_id)


def _expire(host: Host, said: object) -> list[str]:
    wanted = said.get("expire") if isinstance(said, dict) else None
    if not isinstance(wanted, str) or not wanted:
        raise UserError("which sessions? expire is all, a role or an access key")
    with host.lock:
        expired = sessions.expire(wanted)
    if not expired:
        raise UserError(
            f"no session to end: {wanted}",
            hint="sessions are made by AssumeRole and for instances; keys of a user do not expire",
        )
    host.save()
    return expired


def _json(document: object, status: int) -> Response:
    return Response(json.dumps(document), status, mimetype="application/json")
