"""Refuses what a caller's policies do not allow, and records what judged callers asked for.

Sessions of roles and users of IAM are judged: the cloud's owner may do everything (callers.py says who that
is).
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

from localcloud.iam import (
    assume_role,
    boundaries,
    callers,
    entities,
    implied_calls,
    kms_calls,
    reading,
    request_context,
    resource_tags,
)
from localcloud.iam.callers import JudgedCaller
from localcloud.iam.policy import IDENTITY, Decision, JudgedCall, decide
from localcloud.iam.refusal import Refusal, denied
from localcloud.iam.wildcards import Context

REMEMBERED = 5000  # calls
_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/]+)/\d+/(?P<region>[^/]+)/")
_ALWAYS_READ = ("iam", "sts")  # they have rules for every caller, the owner included
_ALWAYS = {"sts:GetCallerIdentity"}  # nobody can be denied this


@dataclass(frozen=True)
class Record:
    """One call made in a role or by a user."""

    at: str  # ISO 8601 UTC
    role: str
    user: str
    session: str  # the instance's id, or the name given to AssumeRole
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
        caller = callers.find(scope["key"], scope["region"], account) if scope else None
        if caller is None and service not in _ALWAYS_READ:
            return None
        if caller and (refusal := caller.refuse(service, request.headers.get("X-Amz-Security-Token", ""))):
            return refusal
        asked = reading.read(service, request)
        if asked is None:
            return None
        place = scope["region"] if scope else "", account
        if caller:
            known = {**_of_request(request, place[0]), **caller.context(*place)}
            if refusal := self._judge(caller, service, asked, known, place):
                return refusal
        if service == "sts":
            return assume_role.refuse(*asked, caller, account)
        return boundaries.refuse(*asked, *place) if service == "iam" else None

    def _judge(
        self,
        caller: JudgedCaller,
        service: str,
        asked: tuple[str, dict[str, Any]],
        known: Context,
        place: tuple[str, str],
    ) -> Refusal | None:
        """The refusal of what a caller asks for; ``place`` is region and account."""
        for read in _calls(service, *asked, *place):
            full = entities.looked_up(replace(read, context={**known, **read.context}), *place)
            call = resource_tags.looked_up(kms_calls.looked_up(full, *place), *place)
            judge = _assuming if call.action == assume_role.ACTION else _decide
            decision = judge(caller, call, place[1])
            self._note(caller, call, decision)
            if not decision.allowed:
                return _refusal(service, caller, call, decision)
        return None

    def records(self, role: str = "", user: str = "") -> list[dict[str, Any]]:
        """What was asked for, oldest first; of one role or user if it is named."""
        with self._lock:
            return [
                asdict(record)
                for record in self._records
                if (not role or record.role == role) and (not user or record.user == user)
            ]

    def forget(self) -> None:
        """Begin a new record."""
        with self._lock:
            self._records.clear()

    def _note(self, caller: JudgedCaller, call: JudgedCall, decision: Decision) -> None:
        now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        record = Record(
            now,
            caller.role,
            caller.user,
            caller.session,
            call.action,
            call.resources,
            call.context,
            call.of_resource,
            decision.allowed,
            decision.reason,
        )
        with self._lock:
            self._records.append(record)


def _decide(caller: JudgedCaller, call: JudgedCall, _: str) -> Decision:
    if call.action in _ALWAYS:
        return Decision(True)
    for kind, policies in caller.policy_sets:
        decision = decide(policies, call, kind)
        if not decision.allowed:
            return decision
    return Decision(True)


def _assuming(caller: JudgedCaller, call: JudgedCall, account: str) -> Decision:
    """The role's trust policy and the caller's own policies: see assume_role.py."""
    (arn,) = call.resources
    role = assume_role.find(arn, account)
    how = assume_role.trust(role, caller, call.context, account) if role else assume_role.NOBODY
    own = _decide(caller, call, account)
    if not how:
        return Decision(False, arn)
    if how == assume_role.NAMED and own.kind == IDENTITY and not own.is_explicit:
        bounds = tuple(one for one in caller.policy_sets if one[0] != IDENTITY)
        return _decide(replace(caller, policy_sets=bounds), call, account)
    return own


def _refusal(service: str, caller: JudgedCaller, call: JudgedCall, decision: Decision) -> Refusal:
    """In the words of the service."""
    who = f"User: {caller.arn} is not authorized to perform: {call.action} on resource: {decision.resource}"
    return denied(service, f"{who} {decision.reason}".strip())


def _calls(
    service: str, operation: str, parameters: dict[str, Any], region: str, account: str
) -> list[JudgedCall]:
    """What the caller of a request must be allowed."""
    asked = (service, operation, parameters)
    itself = request_context.call(*asked, region, account)
    found = [
        itself,
        request_context.implied(*asked, region, account) or implied_calls.tagging(*asked, itself),
        *implied_calls.passed(*asked, region, account),
    ]
    return [call for call in found if call is not None]


def _of_request(request: Request, region: str) -> dict[str, tuple[str, ...]]:
    """The condition keys every request has. AWS's endpoints are https, so this one counts as such."""
    now = datetime.now(timezone.utc)
    return {
        "aws:currenttime": (now.strftime("%Y-%m-%dT%H:%M:%SZ"),),
        "aws:epochtime": (str(int(now.timestamp())),),
        "aws:requestedregion": (region,),
        "aws:securetransport": ("true",),
        "aws:sourceip": (request.remote_addr or "",),
        "aws:useragent": (request.headers.get("User-Agent", ""),),
        "ec2:region": (region,),
    }
