"""What a build that died left behind: found by tag, removed if no live build owns it.

SIGKILL, a power cut or a lost network cannot be cleaned up by the process they hit. Everything a run makes
carries its id from the create call on, so that anyone with the same credentials can find it later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from build.aws import tags
from build.aws.errors import code_of, explain
from build.aws.session import Clients
from build.aws.wait import wait_until
from build.bake import run
from build.bake.steps.image import PUBLISHED
from build.errors import CleanupError, HubsmithError, UserError
from build.report.reporter import Reporter

_GONE_S = 180
_STILL_THERE = ["pending", "running", "shutting-down", "stopping", "stopped"]


@dataclass(frozen=True)
class Leftover:
    """One resource of a run, and why it may go."""

    kind: str
    id: str
    run: str
    owner: str
    why: str


COLUMNS = ("kind", "id", "run", "owner", "why")


def cells(leftover: Leftover) -> tuple[str, ...]:
    """The leftover as a table shows it."""
    return (leftover.kind, leftover.id, leftover.run, leftover.owner, leftover.why)


def find(clients: Clients, *, only_run: str | None = None) -> list[Leftover]:
    """Everything tagged with a run that no live build owns, in the order in which it can be removed.

    A run of this machine is dead when nobody holds its lock; one that this machine does not know, when its
    expiry has passed, or when it is named by ``only_run``. Raises UserError when that run still lives.
    """
    if only_run and run.is_alive(only_run):
        raise UserError(f"{only_run} is still running", hint="stop it first (Ctrl-C cleans up after itself)")
    found: list[Leftover] = []
    for kind, resource_id, marks in _tagged(clients):
        why = _why_dead(marks, only_run)
        if why:
            found.append(Leftover(kind, resource_id, marks[tags.RUN], marks.get(tags.OWNER, "?"), why))
    return found


def remove(clients: Clients, leftovers: Sequence[Leftover], report: Reporter) -> None:
    """Remove all; one that cannot be removed does not stop the others. Raises CleanupError at the end."""
    failed: list[str] = []
    for leftover in leftovers:
        try:
            with report.step(f"remove {leftover.kind} {leftover.id}"):
                _remove(clients, leftover, report)
        except (ClientError, BotoCoreError, HubsmithError) as exc:
            failed.append(f"{leftover.kind} {leftover.id}: {explain(exc) or exc}")
    if failed:
        raise CleanupError("not removed:\n" + "\n".join(failed), hint="run `invoke sweep` again in a minute")


def _why_dead(marks: dict[str, str], only_run: str | None) -> str | None:
    run_id = marks[tags.RUN]
    if marks.get(tags.STATE) == PUBLISHED:
        return None
    if only_run:
        return "asked for" if run_id == only_run else None
    if (run.runs_folder() / run_id).is_dir():
        return None if run.is_alive(run_id) else "its build is not running any more"
    expires = datetime.fromisoformat(marks.get(tags.EXPIRES, "1970-01-01T00:00:00+00:00"))
    return f"expired {expires:%Y-%m-%d %H:%M} UTC" if expires < datetime.now(timezone.utc) else None


def _tagged(clients: Clients) -> Iterable[tuple[str, str, dict[str, str]]]:
    """(kind, id, tags) of all that carries a run's tag: instances first, what they hold on to last."""
    ec2, ours = clients.ec2, tags.having(tags.RUN)
    alive = [*ours, {"Name": "instance-state-name", "Values": _STILL_THERE}]
    reservations = ec2.describe_instances(Filters=alive)["Reservations"]  # type: ignore[arg-type]  # a list of the same dicts
    instances = [instance for reservation in reservations for instance in reservation["Instances"]]
    yield from _rows("instance", "InstanceId", instances)
    yield from _rows("volume", "VolumeId", ec2.describe_volumes(Filters=ours)["Volumes"])
    yield from _rows("image", "ImageId", ec2.describe_images(Owners=["self"], Filters=ours)["Images"])
    yield from _rows(
        "snapshot", "SnapshotId", ec2.describe_snapshots(OwnerIds=["self"], Filters=ours)["Snapshots"]
    )
    yield from _rows(
        "security group", "GroupId", ec2.describe_security_groups(Filters=ours)["SecurityGroups"]
    )


def _rows(kind: str, key: str, resources: Iterable[Any]) -> Iterable[tuple[str, str, dict[str, str]]]:
    for resource in resources:
        yield kind, resource[key], tags.as_dict(resource.get("Tags"))


def _remove(clients: Clients, leftover: Leftover, report: Reporter) -> None:
    ec2, resource_id = clients.ec2, leftover.id
    calls: dict[str, Callable[[], object]] = {
        "instance": lambda: ec2.terminate_instances(InstanceIds=[resource_id]),
        "volume": lambda: ec2.delete_volume(VolumeId=resource_id),
        "image": lambda: ec2.deregister_image(ImageId=resource_id),
        "snapshot": lambda: ec2.delete_snapshot(SnapshotId=resource_id),
        "security group": lambda: ec2.delete_security_group(GroupId=resource_id),
    }
    # What an instance held on to is in use for a moment longer; its own volumes go with it.
    wait_until(
        lambda: _gone(calls[leftover.kind]),
        lambda gone: gone,
        what=f"{leftover.kind} {resource_id}",
        describe=lambda _: "still in use",
        timeout_s=_GONE_S,
        on_wait=report.waiting,
    )
    if leftover.kind == "instance":
        wait_until(
            lambda: _state_of(clients, resource_id),
            lambda state: state == "terminated",
            what=resource_id,
            timeout_s=_GONE_S,
            on_wait=report.waiting,
        )


def _gone(call: Callable[[], object]) -> bool:
    try:
        call()
    except ClientError as exc:
        code = code_of(exc)
        if code in ("DependencyViolation", "VolumeInUse", "InvalidSnapshot.InUse", "IncorrectState"):
            return False
        if not code.endswith((".NotFound", ".Unavailable")):
            raise
    return True


def _state_of(clients: Clients, instance_id: str) -> str:
    seen = clients.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
    return str(seen[0]["Instances"][0]["State"]["Name"]) if seen else "terminated"
