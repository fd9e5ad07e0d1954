"""One launch of a domain at a time, on this machine and on all others.

Here a file lock, which the kernel drops when its holder dies. Elsewhere an SSM parameter that says who and
until when: SSM makes it for one caller only (Overwrite=False), and numbers its versions, so that of several
who find it expired only the one that wrote the next version has it.
"""

from __future__ import annotations

import fcntl
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from botocore.exceptions import ClientError

from build import paths
from build.aws.errors import code_of
from build.aws.session import Clients
from build.bake.run import owner
from build.errors import HubsmithError
from build.hubs.hub import Hub

LIFETIME = timedelta(hours=2)


@dataclass(frozen=True)
class Holder:
    """Who is at it; times are ISO 8601 in UTC, ``machine`` is this state folder's own word."""

    owner: str
    machine: str
    doing: str
    since: str
    until: str

    @property
    def expired(self) -> bool:
        """Nobody can still be at it."""
        return datetime.fromisoformat(self.until) < datetime.now(timezone.utc)


@contextmanager
def held(hub: Hub, clients: Clients, doing: str) -> Iterator[None]:
    """Hold the lock of a hub for the block.

    Raises HubsmithError, naming the holder, when somebody else has it.
    """
    with (hub.folder / "lock").open("a+") as here:
        try:
            fcntl.flock(here, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HubsmithError(
                f"another command on this machine is working on {hub.domain}",
                hint="wait until it has ended, then run this again",
            ) from None
        mine = _take(hub, clients, doing)
        try:
            yield
        finally:
            _release(hub, clients, mine)


def name_of(hub: Hub) -> str:
    """The parameter's name."""
    return f"{hub.prefix}/lock"


def _take(hub: Hub, clients: Clients, doing: str) -> Holder:
    now = datetime.now(timezone.utc)
    mine = Holder(
        owner(),
        _machine(),
        doing,
        now.isoformat(timespec="microseconds"),
        (now + LIFETIME).isoformat(timespec="seconds"),
    )
    for _ in range(3):
        try:
            _put(hub, clients, mine, overwrite=False)
        except ClientError as exc:
            if code_of(exc) != "ParameterAlreadyExists":
                raise
        else:
            return mine
        seen = _read(hub, clients)
        if seen is None:  # released meanwhile
            continue
        holder, version = seen
        # One of this machine's own is dead: the file lock is ours.
        if holder.machine != mine.machine and not holder.expired:
            raise _busy(hub, holder)
        if _put(hub, clients, mine, overwrite=True) == version + 1:
            return mine
        _give_back(hub, clients, version + 1)
    raise HubsmithError(f"another command is working on {hub.domain}", hint="run this again in a minute")


def _put(hub: Hub, clients: Clients, holder: Holder, *, overwrite: bool) -> int:
    done = clients.ssm.put_parameter(
        Name=name_of(hub),
        Type="String",
        Value=json.dumps(asdict(holder)),
        Overwrite=overwrite,
        Description="hubsmith: who is at work on this hub",
    )
    return done["Version"]


def _read(hub: Hub, clients: Clients, version: int | None = None) -> tuple[Holder, int] | None:
    name = name_of(hub) if version is None else f"{name_of(hub)}:{version}"
    try:
        parameter: Any = clients.ssm.get_parameter(Name=name)["Parameter"]
        return Holder(**json.loads(parameter["Value"])), parameter["Version"]
    except ClientError as exc:
        if code_of(exc) not in ("ParameterNotFound", "ParameterVersionNotFound"):
            raise
    except (ValueError, TypeError):
        return Holder("somebody", "", "something", "", "1970-01-01T00:00:00+00:00"), parameter["Version"]
    return None


def _give_back(hub: Hub, clients: Clients, version: int) -> None:
    """Somebody was a moment faster, and has been overwritten: put back what they wrote."""
    if seen := _read(hub, clients, version):
        _put(hub, clients, seen[0], overwrite=True)


def _release(hub: Hub, clients: Clients, mine: Holder) -> None:
    seen = _read(hub, clients)
    if seen and seen[0] == mine:
        clients.ssm.delete_parameter(Name=name_of(hub))


def _busy(hub: Hub, holder: Holder) -> HubsmithError:
    since, until = (time[:16].replace("T", " ") for time in (holder.since, holder.until))
    return HubsmithError(
        f"{holder.owner} is working on {hub.domain} ({holder.doing}) since {since} UTC",
        hint="wait until it has ended; if that machine is gone, the lock ends by itself "
        f"at {until} UTC, or now by:\n"
        f"  aws ssm delete-parameter --name {name_of(hub)}",
    )


def _machine() -> str:
    """A word of this state folder's own, made once."""
    file = paths.state_dir() / "machine"
    if not file.exists():
        file.write_text(secrets.token_hex(8), encoding="ascii")
    return file.read_text(encoding="ascii").strip()
