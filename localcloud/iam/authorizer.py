"""Refuses what a role's policies do not allow, and records what roles asked for.

Only credentials of roles are judged: the cloud's owner may do everything, and any other credentials are taken
for theirs.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from typing import Any

from moto.core.request import Request

from localcloud.iam import arns, boundaries, entities, reading, request_context, resource_tags, sessions
from localcloud.iam.policy import Decision, JudgedCall, decide
from localcloud.iam.refusal import Refusal
from localcloud.iam.wildcards import Context

REMEMBERED = 5000  # calls
_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/]+)/\d+/(?P<region>[^/]+)/")
_JSON = ("codebuild", "events", "logs", "scheduler", "ssm")  # services whose protocol is JSON
_ALWAYS = {"sts:GetCallerIdentity"}  # nobody can be denied this


@dataclass(frozen=True)
class Record:
    """One call made in a role."""

    at: str  # ISO 8601 UTC
    role: str
    session: str  # the instance's id
    action: str
    resources: tuple[str, ...]
    context: Context  # condition keys
    of_resource: Mapping[str, Context]  # those of one resource: its tags
    allowed: bool
    reason: str


class Authorizer:
    """Stands before the API; safe among threads. The caller holds the lock of the model."""

    def __init__(self) -> None:
        self._records: deque[Record] = deque(maxlen=REMEMBERED)
        self._lock = threading.Lock()

    def refuse(self, service: str, environ: dict[str, Any], account: str) -> Refusal | None:
        """The refusal of a request, None where it may go on."""
        request = Request(environ)
        scope = _CREDENTIAL.search(request.headers.get("Authorization", ""))
        session = sessions.find(scope["key"]) if scope else None
        if session is None and service != "iam":
            return None
        asked = reading.read(service, request)
        if (
            scope
            and session
            and (refusal := self._judge(session, service, asked, scope["region"], account, request))
        ):
            return refusal
        return (
            boundaries.refuse(*asked, scope["region"] if scope else "", account)
            if asked and service == "iam"
            else None
        )

    def _judge(
        self,
        session: sessions.Session,
        service: str,
        asked: tuple[str, dict[str, Any]] | None,
        region: str,
        account: str,
        request: Request,
    ) -> Refusal | None:
        """The refusal of what a role asks for."""
        if session.token != request.headers.get("X-Amz-Security-Token") or session.role is None:
            return Refusal("InvalidClientTokenId", "The security token included in the request is invalid.")
        if session.expired:
            return Refusal("ExpiredToken", "The security token included in the request is expired")
        known = _known_of(session, region, account, request)
        for read in _calls(service, *asked, region, account) if asked else ():
            full = entities.looked_up(replace(read, context={**known, **read.context}), region, account)
            call = resource_tags.looked_up(full, region, account)
            decision = _decide(session, call)
            self._note(session, call, decision)
            if not decision.allowed:
                return _refusal(service, session, call, decision)
        return None

    def records(self, role: str = "") -> list[dict[str, Any]]:
        """What was asked for, oldest first; of one role if it is named."""
        with self._lock:
            return [asdict(record) for record in self._records if not role or record.role == role]

    def forget(self) -> None:
        """Begin a new record."""
        with self._lock:
            self._records.clear()

    def _note(self, session: sessions.Session, call: JudgedCall, decision: Decision) -> None:
        role = session.role.name if session.role else ""
        now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        record = Record(
            now,
            role,
            session.name,
            call.action,
            call.resources,
            call.context,
            call.of_resource,
            decision.allowed,
            decision.reason,
        )
        with self._lock:
            self._records.append(record)


def _decide(session: sessions.Session, call: JudgedCall) -> Decision:
    if call.action in _ALWAYS:
        return Decision(True)
    for kind, policies in session.policy_sets:
        decision = decide(policies, call, kind)
        if not decision.allowed:
            return decision
    return Decision(True)


def _refusal(service: str, session: sessions.Session, call: JudgedCall, decision: Decision) -> Refusal:
    """In the words of the service."""
    who = (
        f"User: {session.arn} is not authorized to perform: {call.action} on resource: {decision.resource} "
        f"{decision.reason}"
    )
    if service == "ec2":
        return Refusal("UnauthorizedOperation", f"You are not authorized to perform this operation. {who}")
    if service in _JSON:
        return Refusal("AccessDeniedException", who, 400)
    return Refusal("AuthorizationError" if service == "sns" else "AccessDenied", who)


def _calls(
    service: str, operation: str, parameters: dict[str, Any], region: str, account: str
) -> list[JudgedCall]:
    """What the caller of a request must be allowed."""
    asked = (service, operation, parameters, region, account)
    found = [
        request_context.call(*asked),
        request_context.implied(*asked),
        *entities.passed(*asked),
    ]
    return [call for call in found if call is not None]


def _known_of(
    session: sessions.Session, region: str, account: str, request: Request
) -> dict[str, tuple[str, ...]]:
    """The condition keys every request has. AWS's endpoints are https, so this one counts as such."""
    now = datetime.now(timezone.utc)
    return {
        "aws:currenttime": (now.strftime("%Y-%m-%dT%H:%M:%SZ"),),
        "aws:epochtime": (str(int(now.timestamp())),),
        "aws:principalaccount": (account,),
        "aws:principalarn": (session.role.arn if session.role else "",),
        "aws:principaltype": ("AssumedRole",),
        "aws:requestedregion": (region,),
        "aws:securetransport": ("true",),
        "aws:sourceip": (request.remote_addr or "",),
        "aws:useragent": (request.headers.get("User-Agent", ""),),
        "aws:userid": (session.user_id,),
        "ec2:sourceinstancearn": (f"{arns.prefix(region)}:ec2:{region}:{account}:instance/{session.name}",),
    }
