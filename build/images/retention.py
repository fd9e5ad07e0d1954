"""Which images and layers may go, by the manifest's `retention`, and why each of the others stays.

Never an image that a channel, a parameter, an instance, a launch template or another account uses, however
old it is. Nothing is remembered between runs: what a prune that was killed left (a snapshot without its
image) is found by the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from build.aws import tags
from build.aws.session import Clients
from build.bake.layers import STATE as LAYER
from build.bake.published import PUBLISHED, age_key
from build.bake.steps.image import snapshots_of
from build.hubs.retired import KEEP_DAYS, retired_at, retired_instances
from build.images import sweep
from build.images.in_use import Uses
from build.images.sweep import Leftover
from build.manifest import Manifest
from build.report.reporter import Reporter

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import ImageTypeDef, SnapshotTypeDef


@dataclass(frozen=True)
class Decision:
    """One image or layer; ``snapshots`` go with it."""

    kind: str
    id: str
    name: str
    created: str
    keep: bool
    why: str
    snapshots: tuple[str, ...] = ()


RETIRED = "old instance"
"""The kind of an instance that was a hub before an upgrade."""
COLUMNS = ("verdict", "kind", "id", "name", "created", "why")


def cells(decision: Decision) -> tuple[str, ...]:
    """The decision as a table shows it."""
    verdict = "keep" if decision.keep else "remove"
    return (
        verdict,
        decision.kind,
        decision.id,
        decision.name,
        decision.created[:16].replace("T", " "),
        decision.why,
    )


def decide(manifest: Manifest, clients: Clients, report: Reporter) -> list[Decision]:
    """What is to become of every published image of that name, of orphaned snapshots, of layers, and of
    instances that were a hub before an upgrade.

    Warns of launch templates whose image cannot be known.
    """
    now = datetime.now(timezone.utc)
    mine = clients.ec2.describe_images(Owners=["self"])["Images"]
    used = Uses(manifest, clients)
    for doubt in used.doubts.values():
        report.warn(doubt)
    return [
        *_images(manifest, mine, used, now),
        *_orphans(manifest, clients, mine),
        *_layers(clients, mine, used, now),
        *_retired(clients, now),
    ]


def remove(clients: Clients, decisions: Sequence[Decision], report: Reporter) -> int:
    """Remove what is not kept, images before their snapshots; return how many.

    Raises CleanupError for what could not be removed.
    """
    going = [decision for decision in decisions if not decision.keep]
    images = [
        Leftover("image", decision.id, "", "", decision.why)
        for decision in going
        if decision.id.startswith("ami-")
    ]
    instances = [
        Leftover("instance", decision.id, "", "", decision.why)
        for decision in going
        if decision.kind == RETIRED
    ]
    snapshots = dict.fromkeys(
        snapshot
        for decision in going
        for snapshot in (*decision.snapshots, *([decision.id] if decision.id.startswith("snap-") else []))
    )
    sweep.remove(
        clients,
        [
            *instances,
            *images,
            *(Leftover("snapshot", snapshot, "", "", "its image goes") for snapshot in snapshots),
        ],
        report,
    )
    return len(going)


def _retired(clients: Clients, now: datetime) -> Iterator[Decision]:
    """Whichever hub's; before their images, which are in use until they are gone."""
    for instance in retired_instances(clients, None):
        since = retired_at(instance)
        age = now - since
        keep = age < timedelta(days=KEEP_DAYS)
        domain = tags.as_dict(instance.get("Tags")).get(tags.RETIRED, "")
        why = f"{'younger' if keep else 'older'} than {KEEP_DAYS} days"
        yield Decision(RETIRED, instance["InstanceId"], domain, since.isoformat(), keep, why)


def _images(
    manifest: Manifest, mine: Sequence[ImageTypeDef], used: Uses, now: datetime
) -> Iterator[Decision]:
    rule = manifest.retention
    published = [
        image for image in mine if _is(image, {tags.IMAGE: manifest.image.name, tags.STATE: PUBLISHED})
    ]
    newest_first = sorted(published, key=age_key, reverse=True)
    for place, image in enumerate(newest_first, start=1):
        age = now - _time(image["CreationDate"])
        if use := used.of(image):
            keep, why = True, use
        elif place <= rule.keep:
            keep, why = True, f"one of the newest {rule.keep}"
        elif age < timedelta(days=rule.younger_than_days):
            keep, why = True, f"younger than {rule.younger_than_days} days"
        else:
            keep, why = False, f"number {place} of its name, {age.days} days old"
        yield Decision(
            "image",
            image["ImageId"],
            image.get("Name", ""),
            image["CreationDate"],
            keep,
            why,
            snapshots_of(image),
        )


def _orphans(manifest: Manifest, clients: Clients, mine: Sequence[ImageTypeDef]) -> Iterator[Decision]:
    """Snapshots of images that were deregistered without them."""
    standing = {snapshot for image in mine for snapshot in snapshots_of(image)}
    wanted = [*tags.having(tags.IMAGE, manifest.image.name), *tags.having(tags.STATE, PUBLISHED)]
    for snapshot in clients.ec2.describe_snapshots(OwnerIds=["self"], Filters=wanted)["Snapshots"]:
        if snapshot["SnapshotId"] not in standing:
            yield _of_snapshot("snapshot", snapshot, keep=False, why="its image is gone")


def _layers(clients: Clients, mine: Sequence[ImageTypeDef], used: Uses, now: datetime) -> Iterator[Decision]:
    """Every layer, whichever manifest it was made for: by its own expiry."""
    snapshots = clients.ec2.describe_snapshots(OwnerIds=["self"], Filters=tags.having(tags.STATE, LAYER))[
        "Snapshots"
    ]
    images = {
        snapshot: image
        for image in mine
        if _is(image, {tags.STATE: LAYER})
        for snapshot in snapshots_of(image)
    }
    seen: set[str] = set()
    for snapshot in sorted(snapshots, key=_freshness, reverse=True):
        image = images.get(snapshot["SnapshotId"])
        snapshot_tags = tags.as_dict(snapshot.get("Tags"))
        key, newer = snapshot_tags.get(tags.LAYER, ""), snapshot_tags.get(tags.LAYER, "") in seen
        if snapshot["State"] == "completed":
            seen.add(key)
        use = used.by(image["ImageId"]) if image else None
        why = use or _why_layer_goes(snapshot, snapshot_tags, now, newer=newer)
        decision = _of_snapshot(
            "layer",
            snapshot,
            keep=bool(use) or why is None,
            why=why or f"until {snapshot_tags[tags.EXPIRES][:10]}",
        )
        yield decision
        if image and not decision.keep:
            yield Decision(
                "layer",
                image["ImageId"],
                image.get("Name", ""),
                image["CreationDate"],
                keep=False,
                why=decision.why,
            )


def _why_layer_goes(
    snapshot: SnapshotTypeDef, snapshot_tags: Mapping[str, str], now: datetime, *, newer: bool
) -> str | None:
    if snapshot["State"] == "error":
        return "it could not be taken"
    if newer:
        return "there is a newer one of the same"
    return (
        "it is too old" if _time(snapshot_tags.get(tags.EXPIRES, "1970-01-01T00:00:00+00:00")) < now else None
    )


def _freshness(snapshot: SnapshotTypeDef) -> tuple[str, datetime]:
    """By the age of its packages, which its expiry follows."""
    return tags.as_dict(snapshot.get("Tags")).get(tags.EXPIRES, ""), snapshot["StartTime"]


def _of_snapshot(kind: str, snapshot: SnapshotTypeDef, *, keep: bool, why: str) -> Decision:
    name = tags.as_dict(snapshot.get("Tags")).get("Name", "")
    return Decision(kind, snapshot["SnapshotId"], name, snapshot["StartTime"].isoformat(), keep, why)


def _is(image: ImageTypeDef, wanted: Mapping[str, str]) -> bool:
    image_tags = tags.as_dict(image.get("Tags"))
    return all(image_tags.get(key) == value for key, value in wanted.items())


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def summary(decisions: Iterable[Decision], *, dry_run: bool) -> str:
    """The last word."""
    going = sum(not decision.keep for decision in decisions)
    return f"{going} would be removed" if dry_run else f"{going} removed"
