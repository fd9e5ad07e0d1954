"""What an HTTP request asks for: service, action, parameters, whatever the service's protocol."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qsl

from moto.core.request import Request as MotoRequest
from moto.core.routing import get_service_router
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request

from localcloud.faults.fault import Call

_SCOPE = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")


def read(request: Request, body: bytes, services: tuple[str, ...]) -> Call:
    """The call a request makes; the action of a REST service is looked up for the services named only."""
    scope = _SCOPE.search(request.headers.get("Authorization", ""))
    service = scope["service"].lower() if scope else ""
    if target := request.headers.get("X-Amz-Target"):
        return Call(service, target.rpartition(".")[2], _json(body))
    if request.mimetype == "application/x-www-form-urlencoded":
        form = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        return Call(service, dict(form).get("Action", ""), tuple(form))
    action = request.args.get("Action") or _rest(request, service if service in services else "")
    return Call(service, action, tuple(request.args.items()))


def region(request: Request) -> str:
    """The region that a request is signed for; empty when it is not signed."""
    scope = _SCOPE.search(request.headers.get("Authorization", ""))
    return scope["region"].lower() if scope else ""


def _rest(request: Request, service: str) -> str:
    """The action of a REST request by the service's description; else the method, read as one."""
    try:
        return (
            str(get_service_router(service).match(MotoRequest(request.environ))[0].name)
            if service
            else request.method
        )
    except (HTTPException, NotImplementedError):
        return {"GET": "Get", "HEAD": "Get", "PUT": "Put"}.get(request.method, request.method)


def _json(body: bytes) -> tuple[tuple[str, str], ...]:
    try:
        found = json.loads(body)
    except ValueError:
        return ()
    return tuple((str(name), str(value)) for name, value in found.items()) if isinstance(found, dict) else ()
