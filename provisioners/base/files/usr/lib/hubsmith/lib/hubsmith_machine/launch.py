"""What the machine was told when it was launched: /etc/hubsmith/launch.json, absent on a test boot."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields
from pathlib import Path

from hubsmith_machine.names import USER_NAME

LAUNCH_DATA = Path("/etc/hubsmith/launch.json")
SCHEMA = 1

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
# What each key has to look like, and how that is said.
_FORMS = {
    "domain": (
        rf"(?=.{{4,253}}$)({_LABEL}\.)+{_LABEL}",
        "a host name in small letters, such as hub.example.org",
    ),
    "email": (r"[^@\s]+@[^@\s]+", "an e-mail address"),
    "admin": (USER_NAME, "a user name"),
    "region": (r"[a-z]{2,}(-[a-z0-9]+)+", "a region, such as us-east-1"),
    "ssm_prefix": (
        r"(/[A-Za-z0-9_.-]+)+",
        "the beginning of parameters' names, such as /hubsmith/hubs/hub.example.org",
    ),
    "volume_id": (
        r"vol-[0-9a-f]{8,32}",
        "the id of the data volume, or null where the hub is to live on the root disk",
    ),
    "acme_directory": (r"https://\S+", "an https address"),
    "acme_ca": (
        r"\s*-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----\s*",
        "a certificate in PEM form",
    ),
    "aws_endpoint_url": (r"https?://\S+", "an address"),
}
_FIRST_PASSWORD_HOURS = 72
_NUMBERS = {"first_password_hours": (1, 8760)}
_SWITCHES = ("subdomains", "standby")
_MAY_BE_ABSENT = {"acme_directory", "acme_ca", "aws_endpoint_url"}


@dataclass(frozen=True)
class Launch:
    """Launch data; everything is None on a test boot, which is a hub without a name and a disk of its own."""

    domain: str | None = None
    email: str | None = None
    admin: str | None = None
    region: str | None = None
    ssm_prefix: str | None = None
    volume_id: str | None = None
    acme_directory: str | None = None
    acme_ca: str | None = None
    aws_endpoint_url: str | None = None
    first_password_hours: int = _FIRST_PASSWORD_HOURS
    subdomains: bool = False
    standby: bool = False
    """Another machine is the hub: wait for its data volume and say nothing in the hub's name before."""

    @property
    def names(self) -> tuple[str, ...]:
        """What its certificate has to be for: the domain, and with subdomains the host of each user."""
        if self.domain is None:
            return ()
        return (self.domain, f"*.{self.domain}") if self.subdomains else (self.domain,)

    def aws_environment(self) -> dict[str, str]:
        """What a program that talks to AWS is started with: the instance's role, nothing of a home."""
        endpoint = {"AWS_ENDPOINT_URL": self.aws_endpoint_url} if self.aws_endpoint_url else {}
        nowhere = {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
        region = {"AWS_DEFAULT_REGION": self.region or "us-east-1"}
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", **nowhere, **region, **endpoint}


def read(path: Path = LAUNCH_DATA) -> Launch:
    """The launch data, checked. Raises ValueError with the file and the key that is wrong."""
    if not path.exists():
        return Launch()
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as exc:  # not JSON, or not UTF-8
        raise ValueError(f"{path}: {exc}") from exc
    if not isinstance(data, dict):
        raise ValueError(f"{path}: should hold one JSON object")  # noqa: TRY004 - its content is wrong, not its type here
    if problems := list(_problems(data)):
        raise ValueError(f"{path}: {'; '.join(problems)}")
    return Launch(**{field.name: data[field.name] for field in fields(Launch) if field.name in data})


def _problems(data: dict[str, object]) -> list[str]:
    if data.get("schema") != SCHEMA or isinstance(data.get("schema"), bool):
        told = json.dumps(data["schema"]) if "schema" in data else "missing"
        return [f"schema is {told}, and this image knows {SCHEMA}: launch it with the Hubsmith that built it"]
    # A misspelt volume_id must not leave the hub on the root disk.
    problems = [
        f"{key} is not a key of schema {SCHEMA}"
        for key in data
        if key not in {*_FORMS, *_NUMBERS, *_SWITCHES, "schema"}
    ]
    problems += [
        f"{key} should be true or false, and is {json.dumps(data[key])[:100]}"
        for key in _SWITCHES
        if not isinstance(data.get(key, False), bool)
    ]
    for key, (least, most) in _NUMBERS.items():
        if key in data and (type(value := data[key]) is not int or not least <= value <= most):
            problems.append(
                f"{key} should be a whole number from {least} to {most}, and is {json.dumps(value)[:100]}"
            )
    for key, (form, words) in _FORMS.items():
        value = data.get(key)
        if key not in data and key not in _MAY_BE_ABSENT:
            problems.append(f"{key} is missing: it should be {words}")
        elif value is None and (key == "volume_id" or key in _MAY_BE_ABSENT):
            continue
        elif not isinstance(value, str) or not re.fullmatch(form, value):
            problems.append(f"{key} should be {words}, and is {json.dumps(value)[:100]}")
    return problems
