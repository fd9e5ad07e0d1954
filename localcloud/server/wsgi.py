"""The HTTP side: moto's server for a few services, one request at a time; failures look like AWS's."""

from __future__ import annotations

import io
import json
import logging
import math
import os
import re
import socket
import struct
import time
from collections.abc import Callable, Iterable
from typing import Any
from xml.sax.saxutils import escape

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.wrappers import Request, Response

from localcloud.dns import asterisk
from localcloud.ec2.host import Host
from localcloud.faults import calls
from localcloud.faults.consistency import CONSISTENT_AGENT
from localcloud.faults.fault import ANSWER_LOST, RESET, STATUS, Call
from localcloud.iam import regions
from localcloud.iam.authorizer import Authorizer
from localcloud.iam.refusal import JSON, Refusal
from localcloud.server import fault_control

_log = logging.getLogger("hubsmith.localcloud.api")

SERVICES = (
    "cloudformation",
    "codebuild",
    "ec2",
    "events",
    "iam",
    "kms",
    "logs",
    "route53",
    "s3",
    "scheduler",
    "sns",
    "ssm",
    "sts",
)
IDENTITY_PATH, CALLS_PATH = "/hubsmith", "/hubsmith/calls"

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

_GROWS = re.compile(
    r"(Allocate|Change|Copy|Create(?!Tags)|Import|Modify(Volume)$|Put|Register|Request|Run|Start|Upload)"
)
_CODE = re.compile(rb"<Code>([\w.]+)</Code>")
NO_SPACE = "InsufficientStorage"  # EC2 has no word for it: its disks are never full
ROUTE53_S = 1.0
RESERVE_BYTES = 16 << 20
_READS = re.compile(r"(Describe|Get|List)")


class CloudApp:
    """A WSGI application.

    The lock is held while moto works, because moto has none; the state is written before the answer is.
    """

    def __init__(self, host: Host, identity: Callable[[], dict[str, object]]) -> None:
        self._host = host
        self._identity = identity
        self._authorizer = Authorizer()
        self._changed = -math.inf  # Route 53's records, by time.monotonic()
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        # Read before the lock is taken: a slow client must not hold up the others.
        body = request.get_data(cache=False)
        environ["wsgi.input"] = io.BytesIO(body)
        if request.path == IDENTITY_PATH:
            return Response(json.dumps(self._identity()), mimetype="application/json")(
                environ, start_response
            )
        if request.path == CALLS_PATH:
            return self._calls(request)(environ, start_response)
        if fault_control.is_ours(request.path):
            return fault_control.answer(self._host, request, body)(environ, start_response)
        call = calls.read(request, body, SERVICES)
        if call.service == "route53":
            body = asterisk.for_moto(body)
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
        if (code := self._delayed(call)) == RESET:
            _reset(environ)
        try:
            is_refused = code not in ("", ANSWER_LOST)
            response = _faulty(request, call, code) if is_refused else self._answer(environ, call)
        except Exception as problem:
            _log.exception("%s %s failed", call.service, call.action)
            response = _error(
                call.service,
                request,
                500,
                "InternalError",
                f"The local cloud failed: {problem!r}. See its server.log.",
            )
        if code == ANSWER_LOST:
            _reset(environ)
        return response(environ, start_response)

    def _delayed(self, call: Call) -> str:
        """The error a fault answers this call with, if any; returns after the delay that a fault asks for."""
        verdict = self._host.faults.meet(call)
        time.sleep(verdict.delay_s)
        return verdict.code

    def _answer(self, environ: Environ, call: Call) -> Response:
        request, service, action = Request(environ), call.service, call.action
        if (refusal := self._refuse_outright(request, call)) is not None:
            return refusal
        try:
            with self._host.lock:
                if (refusal := self._refuse(environ, request, call)) is not None:
                    return refusal
                response = self._from_moto(environ, action)
        except NotImplementedError as problem:
            return _error(
                service,
                request,
                400,
                "UnsupportedOperation",
                f"The local cloud does not support this: {problem}",
            )
        if not _READS.match(action):
            self._host.save()
            _log.info("%s %s %s", service, action, response.status_code)
            if response.status_code < 300 and (unsaved := self._host.unsaved()):
                message = f"This was done, but would be forgotten if the local cloud ended now: {unsaved}."
                return _error(service, request, 500, NO_SPACE, message)
        self._host.finish_answer()
        self._amend(response, service, action)
        return response

    def _refuse_outright(self, request: Request, call: Call) -> Response | None:
        """Refuse what no state is needed for: other services and regions, and growth on a full disk."""
        service = call.service
        if service not in SERVICES:
            known = ", ".join(SERVICES)
            message = f"The local cloud has {known}; it has no {service or 'unsigned requests'}."
            return _error(service, request, 400, "UnsupportedOperation", message)
        if elsewhere := regions.refuse(service, calls.region(request), self._host.opted_in):
            return _refused(service, request, elsewhere)
        if grows(call.action) and (full := self._full()):
            return _error(service, request, 400, NO_SPACE, full)
        return None

    def _refuse(self, environ: Environ, request: Request, call: Call) -> Response | None:
        """Refuse what the caller may not do, and what names something that is not known yet.

        The lock is held.
        """
        refusal = self._authorizer.refuse(call.service, environ, DEFAULT_ACCOUNT_ID)
        environ["wsgi.input"].seek(0)
        if refusal:
            return _refused(call.service, request, refusal)
        knows_all = CONSISTENT_AGENT in request.headers.get("User-Agent", "")
        if use := self._host.faults.unknown(call, knows_all=knows_all):
            _log.info("%s %s does not know %s yet", call.service, call.action, use.resource_id)
            return _error(call.service, request, STATUS.get(use.code, 400), use.code, use.message)
        return None

    def _amend(self, response: Response, service: str, action: str) -> None:
        """Correct what moto answers otherwise than AWS."""
        if service == "ec2":
            _give_status(response)
        if service == "route53" and self._is_pending(action):
            response.data = response.data.replace(b"<Status>INSYNC</Status>", b"<Status>PENDING</Status>")
        if service == "route53":
            response.data = asterisk.as_listed(response.data)

    def _is_pending(self, action: str) -> bool:
        """Are Route 53's servers still to learn of a change? Up to a minute there, a moment here."""
        if action == "ChangeResourceRecordSets":
            self._changed = time.monotonic()
        recent = time.monotonic() - self._changed < ROUTE53_S
        return recent or self._host.faults.route53_pending

    def _full(self) -> str:
        """Why nothing new can be made, if so. Said before anything is changed."""
        free = self._host.free_bytes()
        if free >= RESERVE_BYTES:
            return ""
        return (
            f"The disk of the local cloud is full: {self._host.folder} has {free >> 20} MiB left. Remove "
            "something, there or elsewhere."
        )

    def _from_moto(self, environ: Environ, action: str) -> Response:
        faults = self._host.faults
        looks = faults.hides and not _READS.match(action)
        before = self._host.resource_ids() if looks else set()
        try:
            response = Response.from_app(self._moto.get_application(environ), environ, buffered=True)
        finally:
            faults.consistency.answer(None)  # what this thread does next is nobody's call
        if looks:
            faults.note_new(self._host.resource_ids() - before)
        return response

    def _calls(self, request: Request) -> Response:
        """What roles and users asked for (?role=NAME or ?user=NAME: one); DELETE begins a new record."""
        if request.method == "DELETE":
            self._authorizer.forget()
        found = self._authorizer.records(request.args.get("role", ""), request.args.get("user", ""))
        return Response(json.dumps(found), mimetype="application/json")


def grows(action: str) -> bool:
    """Does a call of that name make something that takes space, now or while it runs?"""
    return bool(_GROWS.match(action))


class QuietHandler(MotoRequestHandler):
    """Requests that change something are logged by the application; the rest is noise."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing."""

    def connection_dropped(self, error: BaseException, environ: Environ | None = None) -> None:
        """There is no next request to wait for."""
        self.close_connection = True


def _give_status(response: Response) -> None:
    """moto answers each of EC2's errors with 400: the status of some decides whether clients try again."""
    if response.status_code == 400 and (code := _CODE.search(response.data)):
        response.status_code = STATUS.get(code[1].decode(), 400)


def _faulty(request: Request, call: Call, code: str) -> Response:
    return _error(
        call.service,
        request,
        STATUS.get(code, 400),
        code,
        "The local cloud answers so on request: see `invoke cloud.faults`.",
    )


def _refused(service: str, request: Request, refusal: Refusal) -> Response:
    return _error(service, request, refusal.status, refusal.code, refusal.message)


def _reset(environ: Environ) -> None:
    """Break the connection without an answer: the client sees a reset."""
    connection = environ.get("werkzeug.socket")
    if connection is not None:
        # A socket that lingers for no time at all is reset when it is closed; detached, because its readers
        # would keep it open.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(connection.detach())
    raise ConnectionResetError("on request")


def _error(service: str, request: Request, status: int, code: str, message: str) -> Response:
    """An error in the shape of the service's protocol."""
    if service in JSON or "json" in request.mimetype or "X-Amz-Target" in request.headers:
        return Response(json.dumps({"__type": code, "message": message}), status, mimetype="application/json")
    error = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
    if service == "ec2":
        text = f"<Response><Errors><Error>{error}</Error></Errors><RequestID>local</RequestID></Response>"
    else:
        error = f"<Error><Type>Receiver</Type>{error}</Error>"
        text = f"<ErrorResponse>{error}<RequestId>local</RequestId></ErrorResponse>"
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>{text}', status, mimetype="text/xml")
