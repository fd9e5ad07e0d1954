"""IMDSv2 on a unix socket: inside the guest it is http://169.254.169.254.

Behaviour after https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html: PUT
latest/api/token with a lifetime of 1 to 21600 s, 401 for a token that is missing (where required) or wrong,
403 when the endpoint is disabled, 404 for what is not there; a folder lists its entries one a line, folders
among them with a trailing slash.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from itsdangerous import BadSignature, TimestampSigner
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from localcloud.machine.imds_tree import InstanceFacts, Tree, identity_document, tree

__all__ = ["InstanceFacts", "InstanceMetadata", "MetadataServer", "Tree", "identity_document", "tree"]

_log = logging.getLogger("hubsmith.localcloud")

# cloud-init asks for 2009-04-04 and the newest of 2016-09-02, 2018-09-24, 2021-03-23; all answer alike.
_DATES = """
2007-01-19 2007-03-01 2007-08-29 2007-10-10 2007-12-15 2008-02-01 2008-09-01 2009-04-04 2011-01-01 2011-05-01
2012-01-12 2014-02-25 2014-11-05 2015-10-20 2016-04-19 2016-06-30 2016-09-02 2018-03-28 2018-08-17 2018-09-24
2019-10-01 2020-10-27 2021-01-03 2021-03-23 2021-07-15 2022-09-24 2024-04-11
"""
VERSIONS = ("1.0", *_DATES.split(), "latest")
MAX_TTL_S = 21600
POLL_S = 0.1  # so long an end takes at most; every machine has one such server


@dataclass(frozen=True)
class InstanceMetadata:
    """What one instance is told about itself."""

    tree: Tree
    user_data: bytes | None
    identity_document: Mapping[str, object]
    http_tokens: Literal["optional", "required"] = "required"
    http_endpoint: Literal["enabled", "disabled"] = "enabled"


class MetadataServer:
    """Answers one instance on Machine.metadata_socket; lookup is asked on every request, in a thread."""

    def __init__(self, socket: Path, lookup: Callable[[], InstanceMetadata]) -> None:
        self.socket = socket
        self.lookup = lookup
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen, replacing a socket file left behind; returns when requests are answered."""
        signer = TimestampSigner(_token_key(self.socket))
        # Werkzeug removes what is there; it listens as soon as it is made.
        self._server = make_server(
            f"unix://{self.socket}",
            0,
            _Application(self.lookup, signer),
            threaded=True,
            request_handler=_Handler,
        )
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": POLL_S},
            name=self.socket.name,
            daemon=True,
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and remove the socket; no error when it was not started."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self.socket.unlink(missing_ok=True)
        self._server = self._thread = None


class _Application:
    """The service as a WSGI application."""

    def __init__(self, lookup: Callable[[], InstanceMetadata], signer: TimestampSigner) -> None:
        self._lookup = lookup
        self._signer = signer

    def __call__(self, environ: Any, start_response: Any) -> Any:  # noqa: ANN401  (WSGI)
        request = Request(environ)
        try:
            response = self._answer(request, self._lookup())
        except Exception:
            _log.exception("instance metadata: %s %s", request.method, request.path)
            response = _error(500)
        return response(environ, start_response)

    def _answer(self, request: Request, metadata: InstanceMetadata) -> Response:
        if metadata.http_endpoint == "disabled":
            return _error(403)
        if request.path == "/latest/api/token":
            return self._token(request)
        if request.method not in ("GET", "HEAD"):
            return _error(405)
        token = request.headers.get("X-aws-ec2-metadata-token")
        if (token is None and metadata.http_tokens == "required") or (
            token is not None and not self._is_valid(token)
        ):
            return _error(401)
        body = resolve(_whole(metadata), request.path)
        return _error(404) if body is None else Response(body, content_type="text/plain")

    def _token(self, request: Request) -> Response:
        if request.method != "PUT":
            return _error(405)
        # A request that came through a proxy must not get a token (the reason IMDSv2 exists).
        if "X-Forwarded-For" in request.headers:
            return _error(403)
        ttl = request.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if not (ttl.isascii() and ttl.isdigit() and 1 <= int(ttl) <= MAX_TTL_S):
            return _error(400)
        response = Response(self._signer.sign(ttl), content_type="text/plain")
        response.headers["X-Aws-Ec2-Metadata-Token-Ttl-Seconds"] = ttl
        return response

    def _is_valid(self, token: str) -> bool:
        try:
            self._signer.unsign(token, max_age=int(self._signer.unsign(token)))
        except BadSignature:  # SignatureExpired is one
            return False
        return True


class _Handler(WSGIRequestHandler):
    """Werkzeug's own, speaking to our log and without a peer's address, which a unix socket has not."""

    protocol_version = "HTTP/1.1"

    def address_string(self) -> str:
        return "guest"

    def log(self, type: str, message: str, *args: object) -> None:
        _log.debug("imds: %s", message % args if args else message)


def resolve(root: Tree, path: str) -> str | bytes | None:
    """What GET of that path answers: a leaf's text, a folder's listing, or None where there is nothing."""
    node: Any = root
    names = [name for name in path.split("/") if name]
    for name in names:
        if not isinstance(node, Mapping):
            return None
        node = node.get(name, _numbered(node, name))
    if not isinstance(node, Mapping):
        leaf: str | bytes | None = node
        return leaf  # also with a slash after it, as botocore asks for the zone
    # EC2 marks folders from the third level on; the versions and what is below them stand bare.
    mark = "/" if len(names) > 1 else ""
    return "\n".join(
        key + (mark if isinstance(value, Mapping) and "=" not in key else "") for key, value in node.items()
    )


def _numbered(folder: Tree, number: str) -> Tree | None:
    """The folder listed as "0=name", which is asked for as "0"."""
    return next(
        (
            value
            for key, value in folder.items()
            if isinstance(value, Mapping) and key.startswith(f"{number}=")
        ),
        None,
    )


def _whole(metadata: InstanceMetadata) -> Tree:
    document = json.dumps(metadata.identity_document, indent=2)
    version: dict[str, Any] = {
        "dynamic": {"instance-identity": {"document": document}},
        "meta-data": metadata.tree,
    }
    if metadata.user_data is not None:
        version["user-data"] = metadata.user_data
    return dict.fromkeys(VERSIONS, version)


def _error(status: int) -> Response:
    return Response("", status=status, content_type="text/plain")


def _token_key(socket: Path) -> bytes:
    """The key tokens are signed with: beside the socket, so that they outlive a restart of the server."""
    path = socket.with_suffix(".key")
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(secrets.token_bytes(32))
    return path.read_bytes()
