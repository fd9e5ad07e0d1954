"""Gets and puts the hub's SSM parameters; run by parameters.py with certbot's Python, which has boto3.

    ssm.py REGION PREFIX

One JSON request a line on standard input: {"put": NAME, "value": TEXT} or {"get": NAME}. Each get is answered by a line
on standard output: {"get": NAME, "value": TEXT} or {"get": NAME, "problem": TEXT}. A put that fails is told on standard error.
"""

from __future__ import annotations

import json
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

# A role that was made a moment ago has no credentials yet, and then no rights: EC2 and IAM take seconds to agree.
PATIENCE_S = 90
PAUSE_S = 3
_HOPELESS = ("ParameterNotFound", "ValidationException", "ParameterPatternMismatchException")


def main(region: str, prefix: str) -> None:
    """Serve until the other side closes the pipe."""
    deadline = time.monotonic() + PATIENCE_S
    for line in sys.stdin:
        request = json.loads(line)
        kind = "get" if "get" in request else "put"
        name = f"{prefix}/{request[kind]}"
        value, problem = _patiently(region, name, request.get("value"), deadline)
        if kind == "get":
            answer = {"value": value} if problem is None else {"problem": f"SSM parameter {name}: {problem}"}
            print(json.dumps({"get": request["get"], **answer}), flush=True)
        elif problem is not None:
            print(f"SSM parameter {name} was not written: {problem}", file=sys.stderr, flush=True)


def _patiently(region: str, name: str, value: str | None, deadline: float) -> tuple[str | None, str | None]:
    while True:
        try:
            return _call(region, name, value), None
        except (BotoCoreError, ClientError) as exc:
            code = exc.response["Error"]["Code"] if isinstance(exc, ClientError) else ""
            if code in _HOPELESS or time.monotonic() > deadline:
                return None, str(exc)
        time.sleep(PAUSE_S)


def _call(region: str, name: str, value: str | None) -> str | None:
    # A session of its own: one that has found no credentials does not look again.
    config = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2})
    client = boto3.session.Session(region_name=region).client("ssm", config=config)
    if value is None:
        return client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    client.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)
    return None


if __name__ == "__main__":
    main(*sys.argv[1:])
