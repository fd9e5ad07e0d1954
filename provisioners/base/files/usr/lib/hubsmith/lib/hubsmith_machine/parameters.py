"""The hub's SSM parameters, by a program beside this one: certbot's botocore takes seconds to load."""

from __future__ import annotations

import json
import logging
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType

from hubsmith_machine.launch import Launch

log = logging.getLogger("hubsmith")

PASSWORD = "admin-password"  # noqa: S105 - the name of a parameter
_PROGRAM = ("/opt/certbot/bin/python", "-I", str(Path(__file__).with_name("ssm.py")))
_PATIENCE_S = 120
LIMIT_BYTES = 4096
"""Of a value. SSM also refuses one that looks like a reference to another parameter: ``{{…}}``."""


def as_value(document: Mapping[str, str | None], *, shorten: str) -> str:
    """The document as JSON that SSM takes; the text of that name is cut where the whole is too long."""
    while True:
        # Only a text can hold two braces in a row. Who reads it gets both.
        value = json.dumps(document, ensure_ascii=False).replace("{{", "{\\u007b")
        text = document[shorten]
        if not text or len(value.encode()) <= LIMIT_BYTES:
            return value
        document = {**document, shorten: text[: len(text) * 9 // 10]}


def as_lines(lines: Iterable[str]) -> str:
    """As many of the lines as SSM takes, in their order."""
    value = ""
    for line in lines:
        longer = f"{value}\n{line}" if value else line
        if len(longer.encode()) > LIMIT_BYTES:
            log.warning("not published, as an SSM parameter has %s bytes: %s", LIMIT_BYTES, line)
        else:
            value = longer
    return value


class ParameterError(Exception):
    """A parameter could not be had; the message names it and says what AWS said."""


class Parameters:
    """Below the hub's prefix.

    Puts are sent and not waited for; on a machine without launch data nothing is sent anywhere.
    """

    def __init__(self, launch: Launch) -> None:
        self._process: subprocess.Popen[str] | None = None
        if launch.ssm_prefix and launch.region:
            command = [*_PROGRAM, launch.region, launch.ssm_prefix]
            try:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env=launch.aws_environment(),
                )
            except OSError as exc:
                log.warning("SSM parameters cannot be reached: %s", exc)

    def __enter__(self) -> Parameters:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def put(self, name: str, value: str) -> None:
        """Publish one; a failure is told in the journal and stops nothing."""
        self._send({"put": name, "value": value})

    def get(self, name: str) -> str:
        """Raises ParameterError when there is none, or no way to it."""
        return self._asked({"get": name}, name)

    def delete(self, name: str) -> None:
        """See that there is none. Raises ParameterError when that cannot be done."""
        self._asked({"delete": name}, name)

    def close(self) -> None:
        """Wait until everything is published, for two minutes at most."""
        if self._process is None:
            return
        process, self._process = self._process, None
        try:
            process.communicate(timeout=_PATIENCE_S)
        except (OSError, subprocess.TimeoutExpired) as exc:
            log.warning("SSM parameters: %s", exc)
            process.kill()
            process.wait()

    def _asked(self, request: dict[str, str], name: str) -> str:
        self._send(request)
        for line in (self._process and self._process.stdout) or ():
            answer = json.loads(line)
            if "problem" in answer:
                raise ParameterError(answer["problem"])
            return str(answer["value"])
        raise ParameterError(f"SSM parameter {name}: the program that fetches it has ended")

    def _send(self, request: dict[str, str]) -> None:
        if self._process is None or self._process.stdin is None:
            return
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except OSError as exc:
            log.warning("SSM parameters: %s", exc)
