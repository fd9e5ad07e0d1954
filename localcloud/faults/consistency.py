"""Eventual consistency: for a moment after its creation a resource is unknown to some calls.

EC2 developer guide, "Eventual consistency in the Amazon EC2 API": the id of a new resource "might not have
propagated throughout the system", and calls that describe it, modify it or use it are answered that it does
not exist. It asks to wait between calls "even if a Describe command returns an accurate response": one call
knows a resource while another one does not. IAM user guide, "Changes that I make are not always immediately
visible", has the same of roles and profiles.

AWS documents neither for how long nor which calls. Here a seed decides both for each new resource: how long
it takes to get around, and which actions do not know it until then. Each action is as a server of its own:
what it has known once it goes on knowing, and that says nothing about the others. After the time every call
knows it.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from localcloud.faults.fault import Call

LONGEST_S = 1.0
"""For so long a new resource may be unknown when no fault says otherwise."""

CONSISTENT_AGENT = "hubsmith-consistent"
"""Calls with this in their user agent know everything at once: those of stacks, as AWS's CloudFormation waits
until what it has made is known, and those of tests that look at what others have made.
"""

_ROLE, _PROFILE = "role/", "instance-profile/"
_NOT_FOUND = {
    "ami-": ("InvalidAMIID.NotFound", "The image id '[{}]' does not exist"),
    "eipalloc-": ("InvalidAllocationID.NotFound", "The allocation ID '{}' does not exist"),
    "i-": ("InvalidInstanceID.NotFound", "The instance ID '{}' does not exist"),
    "sg-": ("InvalidGroup.NotFound", "The security group '{}' does not exist"),
    "snap-": ("InvalidSnapshot.NotFound", "The snapshot '{}' does not exist."),
    "vol-": ("InvalidVolume.NotFound", "The volume '{}' does not exist."),
    _ROLE: ("NoSuchEntity", "The role with name {} cannot be found."),
    _PROFILE: ("NoSuchEntity", "Instance Profile {} cannot be found."),
}
_OF_IAM = {"RoleName": _ROLE, "InstanceProfileName": _PROFILE}
_MAKES_THE_NAMED = ("CreateRole", "CreateInstanceProfile")
_SAYS_NOTHING_OF = re.compile(r"(Filter|Tag|TagSpecification)\.")
"""Parameters whose values EC2 does not look up: a filter finds nothing, and a tag may hold any text."""
_ID = re.compile(r"(ami|eipalloc|i|sg|snap|vol)-[0-9a-f]{8,17}")
_KIND = re.compile(r"[a-z]+(-[a-z]+/|[-/])")


@dataclass(frozen=True)
class Use:
    """A resource that a call names, and how the call is answered while it is unknown."""

    resource_id: str
    code: str
    message: str


@dataclass(frozen=True)
class _New:
    """Since when, for how long unknown to every call, and for how long and with which number to some."""

    since: float
    hidden_s: float
    longest_s: float
    number: int


class Consistency:
    """What is new, and which calls do not know it yet. Safe among threads.

    Nothing here is kept when the server ends: by the time that it is up again, everything is known.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.seed = ""
        self.longest_s = 0.0
        """0: every call knows what is new at once."""
        self._clock = clock
        self._lock = threading.Lock()
        self._new: dict[str, _New] = {}
        self._numbers: defaultdict[str, Iterator[int]] = defaultdict(itertools.count)
        self._thread = threading.local()

    def note(self, resource_id: str, *, hidden_s: float, longest_s: float) -> None:
        """It was made just now: unknown to every call for the one time, to some for the other at most."""
        with self._lock:
            now = self._clock()
            self._new = {known: new for known, new in self._new.items() if not _is_old(new, now)}
            number = next(self._numbers[kind_of(resource_id)])
            self._new[resource_id] = _New(now, hidden_s, longest_s, number)

    def forget(self) -> None:
        """From now on every call knows everything."""
        with self._lock:
            self._new.clear()

    def answer(self, action: str | None) -> None:
        """This thread answers a call of that action from now on; None: one that knows everything."""
        self._thread.action = action

    def is_unknown(self, resource_id: str) -> bool:
        """Is it unknown to the call that this thread answers?"""
        with self._lock:
            new = self._new.get(resource_id)
        action: str | None = getattr(self._thread, "action", None)
        if new is None or action is None:
            return False
        lag_s = lag(self.seed, kind_of(resource_id), new.number, action) * new.longest_s
        return self._clock() - new.since < max(new.hidden_s, lag_s)


def lag(seed: str, kind: str, number: int, action: str) -> float:
    """For how long an action does not know the number-th resource of its kind: a share of the longest time.

    0 for half of the actions; for the others it is the same, from 0 to 1.
    """
    share = int.from_bytes(_digest(seed, kind, str(number))[:4], "big") / 2**32
    return share if _digest(seed, kind, str(number), action)[0] % 2 else 0.0


def kind_of(resource_id: str) -> str:
    """``vol-`` of ``vol-0123…``, ``role/`` of ``role/NAME``."""
    found = _KIND.match(resource_id)
    return found[0] if found else ""


def uses(call: Call) -> Iterator[Use]:
    """The resources that a call names, by id or, in IAM and for instance profiles, by name."""
    for name, value in call.parameters:
        if call.service == "iam":
            if name in _OF_IAM and call.action not in _MAKES_THE_NAMED:
                yield _use(_OF_IAM[name], value)
        elif call.service != "ec2" or _SAYS_NOTHING_OF.match(name):
            continue
        elif name in ("IamInstanceProfile.Name", "IamInstanceProfile.Arn"):
            profile = value.rpartition("/")[2]
            where = f"iamInstanceProfile.{name.rpartition('.')[2].lower()}"
            message = f"Value ({value}) for parameter {where} is invalid. Invalid IAM Instance Profile"
            yield Use(_PROFILE + profile, "InvalidParameterValue", f"{message} {where.rpartition('.')[2]}")
        elif found := _ID.fullmatch(value):
            yield _use(f"{found[1]}-", value.removeprefix(f"{found[1]}-"))


def role_id(name: str) -> str:
    """How a role is called here."""
    return _ROLE + name


def profile_id(name: str) -> str:
    """How an instance profile is called here."""
    return _PROFILE + name


def _use(kind: str, rest: str) -> Use:
    code, message = _NOT_FOUND[kind]
    named = rest if kind in _OF_IAM.values() else kind + rest
    return Use(kind + rest, code, message.format(named))


def _digest(*parts: str) -> bytes:
    return hashlib.sha256(" ".join(parts).encode()).digest()


def _is_old(new: _New, now: float) -> bool:
    return now - new.since >= max(new.hidden_s, new.longest_s)
