"""A call, and one thing that goes wrong, as JSON says it and as `invoke cloud.faults` shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from build.errors import UserError

KINDS = {
    "error": "answer a call with an error: call, code, times (left out: always), where",
    "delay": "let a call take longer: call, seconds, times, where",
    "state": "let a state change take longer: change, seconds, seconds_per_gib (of the data; snapshots only)",
    "hide": "let no call know what is new: resource, seconds",
    "no-capacity": "let RunInstances have no capacity: zone, instance_type (both patterns)",
    "consistency": "let some calls not know what is new, for so long at most: seconds",
    "route53-pending": "let GetChange answer PENDING, until the fault is cleared or for seconds",
    "acme-refuse": "let Pebble refuse every certificate",
}
CHANGES = (
    "running",
    "stopped",
    "terminated",
    "image",
    "snapshot",
    "volume",
    "attached",
    "detached",
    "optimized",
    "console",
)
RESOURCES = {
    "instance": "i-",
    "volume": "vol-",
    "snapshot": "snap-",
    "image": "ami-",
    "security-group": "sg-",
    "address": "eipalloc-",
    "role": "role/",
    "instance-profile": "instance-profile/",
}
RESET = "ConnectionReset"
"""The connection breaks before anything is done."""
ANSWER_LOST = "AnswerLost"
"""It breaks when the call is done: whoever asked does not know, and tries again."""
# What AWS sends with them; 400 is for those not listed. botocore tries 5xx and throttling again by itself.
STATUS = {
    "InsufficientInstanceCapacity": 500,
    "InsufficientVolumeCapacity": 500,
    "InternalError": 500,
    "InternalFailure": 500,
    "NoSuchEntity": 404,
    "RequestLimitExceeded": 503,
    "ServiceUnavailable": 503,
    "Throttling": 400,
    "Unavailable": 503,
    "UnauthorizedOperation": 403,
}
_USES = {
    "error": {"call", "code", "times", "where"},
    "delay": {"call", "seconds", "times", "where"},
    "state": {"change", "seconds", "seconds_per_gib"},
    "hide": {"resource", "seconds"},
    "no-capacity": {"zone", "instance_type"},
    "consistency": {"seconds"},
    "route53-pending": {"seconds"},
    "acme-refuse": set(),
}
_NEEDS = {
    "error": {"call", "code"},
    "delay": {"call", "seconds"},
    "state": {"change", "seconds"},
    "hide": {"resource", "seconds"},
    "no-capacity": {"zone", "instance_type"},
    "consistency": {"seconds"},
}


@dataclass(frozen=True)
class Call:
    """service is empty when the request was not signed; parameters as they came, ("InstanceId.1", "i-…")."""

    service: str
    action: str
    parameters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Fault:
    """call is an action or a pattern ("Describe*", "route53:*"); where are patterns of parameters by name."""

    kind: str
    call: str = ""
    code: str = ""
    change: str = ""
    resource: str = ""
    zone: str = ""
    instance_type: str = ""
    seconds: float | None = None
    seconds_per_gib: float | None = None
    times: int | None = None
    where: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, said: object) -> Fault:
        """From JSON. Raises UserError for what makes no sense."""
        if not isinstance(said, Mapping):
            raise UserError(f"a fault is an object, not {said!r}")
        kind, given = (
            said.get("kind"),
            {key: value for key, value in said.items() if key != "kind" and value not in (None, "", {})},
        )
        if kind not in KINDS:
            raise UserError(f"unknown kind of fault {kind!r}", hint=f"there are {', '.join(KINDS)}")
        if unknown := set(given) - _USES[kind]:
            raise UserError(f"a fault of kind {kind} has no {', '.join(sorted(unknown))}", hint=KINDS[kind])
        if missing := _NEEDS.get(kind, set()) - set(given):
            raise UserError(f"a fault of kind {kind} needs {', '.join(sorted(missing))}", hint=KINDS[kind])
        _check(given)
        return cls(kind, **given)

    def shown(self) -> dict[str, Any]:
        """For JSON: what was said, nothing else."""
        return {key: value for key, value in asdict(self).items() if value not in (None, "", {})}

    def __str__(self) -> str:
        place = self.call or self.change or self.resource or self.zone
        conditions = " and ".join(f"{name}={pattern}" for name, pattern in self.where.items())
        words = [
            self.kind,
            place,
            self.code or self.instance_type,
            "" if self.seconds is None else f"{self.seconds:g} s",
            "" if self.seconds_per_gib is None else f"and {self.seconds_per_gib:g} s/GiB",
            f"where {conditions}" * bool(conditions),
        ]
        return " ".join(filter(None, words))


def _check(given: Mapping[str, Any]) -> None:
    if "change" in given and given["change"] not in CHANGES:
        raise UserError(f"unknown state change {given['change']!r}", hint=f"there are {', '.join(CHANGES)}")
    if "resource" in given and given["resource"] not in (*RESOURCES, "*"):
        raise UserError(
            f"unknown resource {given['resource']!r}",
            hint=f"there are {', '.join(RESOURCES)} and * for all of them",
        )
    for name in ("seconds", "seconds_per_gib"):
        seconds = given.get(name, 0)
        if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or not 0 <= seconds <= 3600:
            raise UserError(f"{name} is a number from 0 to 3600, not {seconds!r}")
    if "seconds_per_gib" in given and given["change"] != "snapshot":
        raise UserError("only snapshots have seconds_per_gib", hint=KINDS["state"])
    times = given.get("times", 1)
    if not isinstance(times, int) or isinstance(times, bool) or times < 1:
        raise UserError(f"times is a number from 1 on, not {times!r}")
    where = given.get("where", {})
    if not isinstance(where, Mapping) or not all(
        isinstance(text, str) for pair in where.items() for text in pair
    ):
        raise UserError(f"where is an object of texts, not {where!r}")
    for name in ("call", "code", "zone", "instance_type"):
        if not isinstance(given.get(name, ""), str):
            raise UserError(f"{name} is a text, not {given[name]!r}")
