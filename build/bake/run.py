"""The identity of one build: the tags of its resources, where its files are, whether it still lives."""

from __future__ import annotations

import fcntl
import getpass
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

from build import paths
from build.aws import tags
from build.manifest import Builder
from build.remote.keys import SshKey, generate


@dataclass(frozen=True)
class Run:
    """One build. ``key`` opens every instance it makes; ``expires`` is when nobody can be using them."""

    id: str
    owner: str
    started: datetime
    expires: datetime
    folder: Path
    key: SshKey
    given_tags: Mapping[str, str] = field(default_factory=dict)
    """``builder.tags``."""

    @property
    def tags(self) -> dict[str, str]:
        """What every resource of the run carries from its creation on."""
        return {**self.given_tags, **self.own_tags}

    @property
    def own_tags(self) -> dict[str, str]:
        """Those of them that the manifest has no say in."""
        return {
            "Name": f"hubsmith {self.id}",
            tags.RUN: self.id,
            tags.OWNER: self.owner,
            tags.EXPIRES: self.expires.isoformat(timespec="seconds"),
        }

    @property
    def stamp(self) -> str:
        """``20261123-113000-4f2a``: sorts by time, and two builds of the same second differ."""
        return self.id.removeprefix("run-")


def runs_folder() -> Path:
    """Where each run has its folder: log, test results, record, ssh files of a kept builder."""
    return paths.state_dir() / "runs"


def owner() -> str:
    """Who and where, for tags: ``ada@workstation``."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


@contextmanager
def start(builder: Builder) -> Iterator[Run]:
    """Make a run and hold its lock, by which ``sweep`` sees that it lives; the kernel drops it.

    ``builder`` says how long the run may take, and which tags its resources get.
    """
    run = identity(builder)
    run.folder.mkdir(mode=0o700, parents=True)
    with (run.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield run


def identity(builder: Builder) -> Run:
    """What a run that starts now would be; nothing is made."""
    started = datetime.now(timezone.utc)
    run_id = f"run-{started:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    expires, folder = started + longest(builder), runs_folder() / run_id
    return Run(run_id, owner(), started, expires, folder, generate(), builder.tags)


def longest(builder: Builder) -> timedelta:
    """How long anything of a run can be in use: a builder that lives to its end, the image made of it then,
    and fresh instances of the image that live to theirs.

    Another machine sees of a run only when it expires; what it removed too early would be of a live build.
    """
    limits = builder.timeouts
    between_s = limits.running_s + limits.stop_s + limits.image_s + limits.running_s
    return 2 * timedelta(minutes=builder.lifetime_minutes) + timedelta(seconds=between_s)


def is_alive(run_id: str) -> bool:
    """Whether a process on this machine still holds the run."""
    try:
        with (runs_folder() / run_id / "lock").open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
