"""How a hub is, part by part: as the cloud sees it, from outside, and as the machine itself says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from build import kernel_console
from build.aws.console import output
from build.aws.errors import explain
from build.aws.session import Clients
from build.errors import HubsmithError
from build.hubs import address, boot_status, https_probe, instances, volume
from build.hubs.dns import find_zone, in_words, plain, points_to, records_of
from build.hubs.hub import Hub
from build.hubs.instances import HubInstance
from build.hubs.models import Address
from build.image_contract import READY, STATUS_PROGRAM
from build.manifest import Manifest
from build.operate import certificate_health
from build.operate.ssh import ssh_session
from build.report.reporter import Reporter

SCARCE = 0.05
"""A disk with a smaller share of free blocks or inodes is unhealthy."""


@dataclass(frozen=True)
class Part:
    """One part of a hub: ``ok`` is None where it could not be told, and for what may be over by now."""

    name: str
    ok: bool | None
    told: str
    details: Mapping[str, Any]

    @property
    def cells(self) -> tuple[str, str, str]:
        """As a table shows it."""
        return ({True: "ok", False: "BAD", None: "?"}[self.ok], self.name, self.told)


def examine(
    hub: Hub, clients: Clients, manifest: Manifest, report: Reporter, *, spawn: bool, operator_key: str = ""
) -> list[Part]:
    """Every part of the hub. Raises HubsmithError when there is no such hub at all."""
    alive = instances.of_hub(clients, hub)
    own, disk = address.own_address(clients, hub), volume.own_volume(clients, hub)
    if not alive and not own and not disk:
        raise HubsmithError(
            f"there is no hub {hub.domain} in {clients.cloud.region}",
            hint="`invoke hubs` lists those there are",
        )
    instance = alive[-1] if alive else None
    names = hub.names(subdomains=instance is not None and instance.subdomains)
    parts = [_instance(instance), _volume(disk, instance), _name(hub, clients, own, names)]
    if instance is None or instance.state != "running":
        return parts
    kernel, outside = (
        _kernel(clients, instance),
        _outside(hub, clients, instance, names, own.ip if own else instance.public_ip),
    )
    parts += [kernel, outside, _boot(hub, clients, instance)]
    if has_panicked(kernel) and not outside.details:  # nobody answers, and ssh would try for minutes
        return [*parts, Part("machine", None, "not asked: its kernel has panicked", {})]
    return parts + _inside(hub, clients, manifest, report, spawn=spawn, operator_key=operator_key)


def _instance(instance: HubInstance | None) -> Part:
    if instance is None:
        return Part("instance", False, "there is none; `invoke launch` makes one", {})
    where = f"{instance.instance_type} in {instance.zone}"
    summary = (
        f"{instance.id} {instance.state}, {where}, of {instance.image_id} since {instance.launched[:16]}"
    )
    return Part("instance", instance.state == "running", summary, asdict(instance))


def _volume(disk: Any, instance: HubInstance | None) -> Part:  # noqa: ANN401  # as boto3 tells of it
    if disk is None:
        return Part("data volume", False, "there is none", {})
    holder = disk["Attachments"][0]["InstanceId"] if disk.get("Attachments") else None
    summary = (
        f"{disk['VolumeId']}, {disk['Size']} GiB, {'attached to ' + holder if holder else 'not attached'}"
    )
    return Part(
        "data volume",
        bool(instance and holder == instance.id),
        summary,
        {"id": disk["VolumeId"], "size_gib": disk["Size"]},
    )


def _name(hub: Hub, clients: Clients, own: Address | None, names: tuple[str, ...]) -> Part:
    if own is None:
        return Part("name", False, "the hub has no address", {})
    zone = find_zone(clients, hub.domain)
    records = records_of(clients, zone, *names) if zone else []
    shown = [("" if len(names) == 1 else f"{plain(record)} ") + in_words(record) for record in records]
    details = {"address": own.ip, "zone": zone.id if zone else None, "records": shown}
    if not zone:
        return Part("name", None, f"no hosted zone of this account; it has to point to {own.ip}", details)
    if missing := [name for name in names if name not in map(plain, records)]:
        summary = (
            f"no record in {zone.name}"
            if hub.domain in missing
            else f"no record of {' and '.join(missing)} in {zone.name}"
        )
        return Part("name", False, f"{summary}; it has to point to {own.ip}", details)
    right = all(points_to(record, own.ip) for record in records)
    return Part(
        "name", right, f"{', '.join(shown)} in {zone.name}" + ("" if right else f", not {own.ip}"), details
    )


def _kernel(clients: Clients, instance: HubInstance) -> Part:
    try:
        console = output(clients.ec2, instance.id)
    except (ClientError, BotoCoreError) as exc:
        return Part("kernel", None, f"its console cannot be read: {explain(exc) or exc}", {})
    return kernel_part(console)


def kernel_part(console: str) -> Part:
    """What the kernel reports on the console.

    A panic or an oops is bad until the machine starts again. One of an earlier boot, and a stall, are shown
    and are no failure: the machine has recovered, there is nothing left to do about it, and it stays on the
    console for as long as EC2 keeps that.
    """
    found = kernel_console.newest(kernel_console.faults(console))
    if not found:
        return Part("kernel", True, "no fault on its console", {})
    bad = any(fault.is_fatal and fault.is_in_this_boot for fault in found)
    return Part(
        "kernel",
        False if bad else None,
        "; ".join(map(str, found)),
        {"faults": [asdict(fault) for fault in found]},
    )


def has_panicked(kernel: Part) -> bool:
    """Whether the kernel has panicked, and the machine has not started again."""
    return any(
        fault["kind"] == "panic" and fault["restarts"] == 0 for fault in kernel.details.get("faults", [])
    )


def _outside(hub: Hub, clients: Clients, instance: HubInstance, names: tuple[str, ...], ip: str) -> Part:
    seen = https_probe.probe(
        ip, hub.domain, https_probe.trust_of(clients, staging=instance.staging), more_names=names[1:]
    )
    certificate = seen.certificate
    summary = f"{certificate.days_left} days left, by {certificate.issuer}" if certificate else ""
    ok, late = certificate_health.in_time(certificate.share_left if certificate else None)
    return Part(
        "https",
        ok if seen.ok else False,
        "; ".join(filter(None, (seen.problem, summary, late))),
        asdict(certificate) if certificate else {},
    )


def _boot(hub: Hub, clients: Clients, instance: HubInstance) -> Part:
    status = boot_status.published(clients, hub)
    if not status.phase or status.instance_id not in ("", instance.id):
        return Part("boot", None, "it has not reported anything yet", {})
    return Part("boot", status.phase == READY, f"{status} ({status.at[:16]})", asdict(status))


def _inside(
    hub: Hub, clients: Clients, manifest: Manifest, report: Reporter, *, spawn: bool, operator_key: str
) -> list[Part]:
    """What the machine says of itself, by ssh."""
    report.waiting("asking the machine" + (", with a spawn" if spawn else ""))
    try:
        with ssh_session(hub, clients, manifest, report, operator_key) as session:
            document = json.loads(session.run(STATUS_PROGRAM + (" --spawn" if spawn else "")))
    except (HubsmithError, ClientError, OSError, ValueError) as exc:
        known = explain(exc) or exc
        return [Part("machine", None, f"not asked: {known}", {})]
    return parts_of(document)


def parts_of(document: Mapping[str, Any]) -> list[Part]:
    """The machine's own document (STATUS_PROGRAM), part by part."""
    parts = [
        Part(name, bool(document[name].get("ok")), _in_words(document[name]), document[name])
        for name in ("hub", "proxy", "spawn")
        if name in document
    ]
    if certificate := document.get("certificate"):
        parts.append(Part("certificate", *certificate_health.of_machine(certificate), certificate))
    parts += _disks(document)
    if (restart := document.get("restart")) and restart.get("needed"):
        why = f" for {', '.join(restart['packages'])}" if restart.get("packages") else ""
        parts.append(
            Part(
                "restart",
                None,
                f"needed since {restart['since'][:16]}{why}: sudo systemctl reboot, by invoke ssh",
                restart,
            )
        )
    if "users" in document:
        parts.append(
            Part(
                "users",
                True,
                f"{document['users']}, {document.get('servers', 0)} with a server",
                {"users": document["users"]},
            )
        )
    return parts


def _disks(document: Mapping[str, Any]) -> list[Part]:
    """Room on both disks, and what there is to say about users' limits. Older images say less."""
    parts = []
    if disk := document.get("volume"):
        parts.append(_disk("disk", disk, is_there=bool(disk.get("mounted"))))
    if root := document.get("root_disk"):
        parts.append(_disk("root disk", root, is_there=True))
    if limits := document.get("disk_limits"):
        parts += _disk_limits(limits)
    return parts


def _disk(name: str, disk: Mapping[str, Any], *, is_there: bool) -> Part:
    summary = f"{disk.get('free_gib')} of {disk.get('size_gib')} GiB free"
    shares = {"blocks": disk.get("free_share"), "inodes": disk.get("free_inodes_share")}
    scarce = [
        f"{share:.1%} of {kind}" for kind, share in shares.items() if share is not None and share < SCARCE
    ]
    if scarce:
        summary += f"; only {' and '.join(scarce)} are free"
    return Part(name, is_there and not scarce, summary, disk)


def _disk_limits(limits: Mapping[str, Any]) -> list[Part]:
    """Nothing while all is well: each sentence is something that an operator may want to change."""
    told = (
        [] if limits.get("hold") else [limits.get("message") or "not enforced: the file system has no quotas"]
    )
    told += [limits["warning"]] if limits.get("warning") else []
    if near := limits.get("nearly_full"):
        told.append(f"nearly full: {', '.join(near)}")
    if grown := limits.get("from_existing_files"):
        told.append(f"higher limits because of existing files: {', '.join(grown)}")
    if limits.get("frozen"):
        told.append("few inodes are left: no user can have more files than now")
    return [Part("disk limits", None, "; ".join(told), limits)] if told else []


def _in_words(part: Mapping[str, Any]) -> str:
    known = [str(part[key]) for key in ("version", "message") if part.get(key)]
    seconds = [f"{part['seconds']} s"] if part.get("seconds") is not None else []
    return ", ".join(known + seconds) or ("answers" if part.get("ok") else "does not answer")
