"""Gets, puts and deletes the hub's SSM parameters; run by certbot's Python, which has botocore.

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

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

# A role that was made a moment ago has no credentials yet, and then no rights: EC2 and IAM take seconds to
# agree.
PATIENCE_S = 90
PAUSE_S = 3
_HOPELESS = ("ParameterNotFound", "ValidationException", "ParameterPatternMismatchException")


def main(region: str, prefix: str) -> None:
    """Serve until the other side closes the pipe."""
    ssm = _Ssm(region, time.monotonic() + PATIENCE_S)
    for line in sys.stdin:
        request = json.loads(line)
        kind = next(kind for kind in _CALLS if kind in request)
        name = f"{prefix}/{request[kind]}"
        value, problem = ssm.ask(kind, name, request.get("value", ""))
        if kind != "put":
            answer = {"value": value} if problem is None else {"problem": f"SSM parameter {name}: {problem}"}
            print(json.dumps({kind: request[kind], **answer}), flush=True)
        elif problem is not None:
            print(f"SSM parameter {name} was not written: {problem}", file=sys.stderr, flush=True)


class _Ssm:
    """SSM, by one client for as long as it answers: to make one takes seconds on a small machine."""

    def __init__(self, region: str, deadline: float) -> None:
        self._region, self._deadline = region, deadline
        self._client: Any = None

    def ask(self, kind: str, name: str, value: str) -> tuple[str, str | None]:
        """The answer, and why there is none; until the deadline what may pass is tried again."""
        while True:
            try:
                return _CALLS[kind](self._reached(), name, value), None
            except (BotoCoreError, ClientError) as exc:
                code = exc.response["Error"]["Code"] if isinstance(exc, ClientError) else ""
                if kind == "delete" and code == "ParameterNotFound":
                    return "", None
                if code in _HOPELESS:
                    return "", str(exc)
                self._client = None  # a session that has found no credentials does not look again
                if time.monotonic() > self._deadline:
                    return "", str(exc)
            time.sleep(PAUSE_S)

    def _reached(self) -> Any:  # noqa: ANN401 - botocore gives no types
        if self._client is None:
            config = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2})
            self._client = Session().create_client("ssm", region_name=self._region, config=config)
        return self._client


def _get(client: Any, name: str, _: str) -> str:  # noqa: ANN401 - botocore gives no types
    return str(client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])


def _put(client: Any, name: str, value: str) -> str:  # noqa: ANN401 - botocore gives no types
    client.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)
    return value


def _delete(client: Any, name: str, _: str) -> str:  # noqa: ANN401 - botocore gives no types
    client.delete_parameter(Name=name)
    return ""


_CALLS = {"get": _get, "put": _put, "delete": _delete}

if __name__ == "__main__":
    main(*sys.argv[1:])
