"""The HTTP side: moto's server for a few services, one request at a time, every failure an answer AWS could give."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.wrappers import Request, Response

from build.localcloud.ec2.host import Host
from build.localcloud.iam.guard import Guard

_log = logging.getLogger("hubsmith.localcloud.api")

SERVICES = ("ec2", "iam", "route53", "ssm", "sts")
IDENTITY_PATH, CALLS_PATH = "/hubsmith", "/hubsmith/calls"

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

_SCOPE = re.compile(r"Credential=[^/]+/\d+/[^/]+/(?P<service>[^/]+)/aws4_request")
_READS = re.compile(r"(Describe|Get|List)")


class CloudApp:
    """A WSGI application. The lock is held while moto works, because moto has none; the state is written before the answer is."""

    def __init__(self, host: Host, identity: Callable[[], dict[str, object]]) -> None:
        self._host = host
        self._identity = identity
        self._guard = Guard()
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        # Read before the lock is taken: a slow client must not hold up the others.
        body = request.get_data(cache=False)
        environ["wsgi.input"] = io.BytesIO(body)
        if request.path == IDENTITY_PATH:
            return Response(json.dumps(self._identity()), mimetype="application/json")(environ, start_response)
        if request.path == CALLS_PATH:
            return self._calls(request)(environ, start_response)
        service = _service(request)
        try:
            response = self._answer(environ, service, _action(request, body))
        except Exception as problem:
            _log.exception("%s %s failed", service, _action(request, body))
            response = _error(service, request, 500, "InternalError", f"The local cloud failed: {problem!r}. See its server.log.")
        return response(environ, start_response)

    def _answer(self, environ: Environ, service: str, action: str) -> Response:
        request = Request(environ)
        if service not in SERVICES:
            known = ", ".join(SERVICES)
            return _error(
                service, request, 400, "UnsupportedOperation", f"The local cloud has {known}; it has no {service or 'unsigned requests'}."
            )
        try:
            with self._host.lock:
                if refusal := self._guard.refuse(service, environ, DEFAULT_ACCOUNT_ID):
                    environ["wsgi.input"].seek(0)
                    return _error(service, request, 400 if service == "ssm" else 403, refusal.code, refusal.message)
                environ["wsgi.input"].seek(0)
                response = Response.from_app(self._moto.get_application(environ), environ, buffered=True)
        except NotImplementedError as problem:
            return _error(service, request, 400, "UnsupportedOperation", f"The local cloud does not support this: {problem}")
        if not _READS.match(action):
            self._host.save()
            _log.info("%s %s %s", service, action, response.status_code)
        return response

    def _calls(self, request: Request) -> Response:
        """What was asked for with the credentials of roles (?role=NAME: of that one); DELETE begins a new record."""
        if request.method == "DELETE":
            self._guard.forget()
        return Response(json.dumps(self._guard.records(request.args.get("role", ""))), mimetype="application/json")


class QuietHandler(MotoRequestHandler):
    """Requests that change something are logged by the application; the rest is noise."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing."""


def _service(request: Request) -> str:
    """The service a request was signed for, empty when it was not signed."""
    scope = _SCOPE.search(request.headers.get("Authorization", ""))
    return scope["service"].lower() if scope else ""


def _action(request: Request, body: bytes) -> str:
    """What is asked for, by the action's name where the protocol has one (REST: the method, read as an action)."""
    if target := request.headers.get("X-Amz-Target"):
        return target.rpartition(".")[2]
    if request.mimetype == "application/x-www-form-urlencoded":
        return parse_qs(body.decode("utf-8", "replace")).get("Action", [""])[0]
    return request.args.get("Action") or {"GET": "Get", "HEAD": "Get"}.get(request.method, request.method)


def _error(service: str, request: Request, status: int, code: str, message: str) -> Response:
    """An error in the shape of the service's protocol."""
    if "json" in request.mimetype or "X-Amz-Target" in request.headers:
        return Response(json.dumps({"__type": code, "message": message}), status, mimetype="application/json")
    error = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
    if service == "ec2":
        text = f"<Response><Errors><Error>{error}</Error></Errors><RequestID>local</RequestID></Response>"
    else:
        text = f"<ErrorResponse><Error><Type>Receiver</Type>{error}</Error><RequestId>local</RequestId></ErrorResponse>"
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>{text}', status, mimetype="text/xml")
