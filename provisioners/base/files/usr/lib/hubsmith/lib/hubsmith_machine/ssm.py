"""Gets, puts and deletes the hub's SSM parameters; run by certbot's Python, which has boto3.

    ssm.py REGION PREFIX

One JSON request a line on standard input: {"put": NAME, "value": TEXT}, {"get": NAME} or {"delete": NAME}.
The latter two are answered by a line on standard output: {"get": NAME, "value": TEXT} or {"get": NAME,
"problem": TEXT}, and the same with "delete". A put that fails is told on standard error.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

# A role that was made a moment ago has no credentials yet, and then no rights: EC2 and IAM take seconds to
# agree.
PATIENCE_S = 90
PAUSE_S = 3
_HOPELESS = ("ParameterNotFound", "ValidationException", "ParameterPatternMismatchException")


def main(region: str, prefix: str) -> None:
    """Serve until the other side closes the pipe."""
    deadline = time.monotonic() + PATIENCE_S
    for line in sys.stdin:
        request = json.loads(line)
        kind = next(kind for kind in _CALLS if kind in request)
        name = f"{prefix}/{request[kind]}"
        value, problem = _patiently(region, kind, name, request.get("value", ""), deadline)
        if kind != "put":
            answer = {"value": value} if problem is None else {"problem": f"SSM parameter {name}: {problem}"}
            print(json.dumps({kind: request[kind], **answer}), flush=True)
        elif problem is not None:
            print(f"SSM parameter {name} was not written: {problem}", file=sys.stderr, flush=True)


def _patiently(region: str, kind: str, name: str, value: str, deadline: float) -> tuple[str, str | None]:
    while True:
        try:
            # A session of its own: one that has found no credentials does not look again.
            config = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2})
            return _CALLS[kind](
                boto3.session.Session(region_name=region).client("ssm", config=config), name, value
            ), None
        except (BotoCoreError, ClientError) as exc:
            code = exc.response["Error"]["Code"] if isinstance(exc, ClientError) else ""
            if kind == "delete" and code == "ParameterNotFound":
                return "", None
            if code in _HOPELESS or time.monotonic() > deadline:
                return "", str(exc)
        time.sleep(PAUSE_S)


def _get(client: Any, name: str, _: str) -> str:  # noqa: ANN401 - boto3 gives no types
    return str(client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])


def _put(client: Any, name: str, value: str) -> str:  # noqa: ANN401 - boto3 gives no types
    client.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)
    return value


def _delete(client: Any, name: str, _: str) -> str:  # noqa: ANN401 - boto3 gives no types
    client.delete_parameter(Name=name)
    return ""


_CALLS = {"get": _get, "put": _put, "delete": _delete}

if __name__ == "__main__":
    main(*sys.argv[1:])
