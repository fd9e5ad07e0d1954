"""Volumes of a running machine: hot plug and the live switch to an overlay.

Nothing is remembered between calls: QEMU is asked what is where, so that a server that was killed and
restarted goes on.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from build.errors import MachineError
from localcloud.machine.qemu.command_line import block_node, disk_device
from localcloud.machine.qemu.qmp import Monitor
from localcloud.machine.qemu.spec import Controller, Drive

UNPLUG_TIMEOUT_S = 10.0
_DEVICES = "/machine/peripheral"  # where QEMU keeps the devices that have an id


def attach(monitor: Monitor, drive: Drive, controller: Controller) -> None:
    """Plug a volume in; no effect when it is there already. Raises MachineError when no port is free."""
    if _top_node(monitor, drive.volume_id) is not None:
        return
    port = _free_port(monitor)
    if _has_node(monitor, drive.volume_id):  # whoever began this before was interrupted
        monitor.execute("blockdev-del", {"node-name": drive.volume_id})
    monitor.execute("blockdev-add", block_node(drive))
    try:
        monitor.execute("device_add", disk_device(drive, controller, port))
    except MachineError:
        monitor.execute("blockdev-del", {"node-name": drive.volume_id})
        raise


def detach(monitor: Monitor, volume_id: str) -> None:
    """Ask the guest for a volume and wait until it has let it go; no effect when the volume is not there.

    Raises MachineError when the guest does not within UNPLUG_TIMEOUT_S seconds. It can be asked again, and
    should be: it may have overlooked the request, or be slow.
    """
    if _top_node(monitor, volume_id) is not None:
        monitor.execute_until(
            "device_del", {"id": volume_id}, "DEVICE_DELETED", volume_id, timeout_s=UNPLUG_TIMEOUT_S
        )
    # Overlays of a live switch belong to the device and went with it; the node of the beginning is ours.
    if _has_node(monitor, volume_id):
        monitor.execute("blockdev-del", {"node-name": volume_id})


def were_written_to(monitor: Monitor) -> bool:
    """Has the guest written to, or discarded a block of, one of its disks since it was powered on?"""
    disks = [one["stats"] for one in monitor.query("query-blockstats") if "/vol-" in str(one.get("qdev"))]
    # Where none is found, who knows?
    return not disks or any(one[kind] > 0 for one in disks for kind in ("wr_operations", "unmap_operations"))


def grow(monitor: Monitor, volume_id: str, size: int) -> None:
    """Make an attached disk `size` bytes large; raises MachineError with QEMU's words where it refuses."""
    top = _top_node(monitor, volume_id)
    if top is None:
        raise MachineError(f"{volume_id} is not attached")
    monitor.execute("block_resize", {"node-name": top.name, "size": size})


def switch_to_overlay(monitor: Monitor, volume_id: str, overlay: Path) -> None:
    """Let the guest go on writing into overlay, which exists; what it wrote to before is read-only now.

    Done already, it is done: a server that was killed before it could note the switch asks for it again.
    """
    top = _top_node(monitor, volume_id)
    if top is None:
        raise MachineError(f"{volume_id} is not attached")
    if top.file == str(overlay.absolute()):
        return
    # A node has a name of 31 characters at most, and no name is used twice.
    there = {
        "snapshot-file": str(overlay.absolute()),
        "snapshot-node-name": f"{volume_id[:22]}-{secrets.token_hex(4)}",
    }
    monitor.execute(
        "blockdev-snapshot-sync", {"node-name": top.name, "format": "qcow2", "mode": "existing", **there}
    )


@dataclass(frozen=True)
class _Node:
    """What a device writes into."""

    name: str
    file: str


def _top_node(monitor: Monitor, volume_id: str) -> _Node | None:
    for block in monitor.query("query-block"):
        if volume_id in str(block.get("qdev")).split("/"):
            inserted = block["inserted"]
            return _Node(str(inserted["node-name"]), _path(str(inserted["file"])))
    return None


def _path(file: str) -> str:
    """The path in QEMU's name of a file, which is JSON where the backing file is not its header's."""
    return (
        str(json.loads(file.removeprefix("json:"))["file"]["filename"]) if file.startswith("json:") else file
    )


def _has_node(monitor: Monitor, volume_id: str) -> bool:
    return any(node["node-name"] == volume_id for node in monitor.query("query-named-block-nodes"))


def _free_port(monitor: Monitor) -> str:
    # Not query-pci: it sees what is behind a port only when the firmware has numbered the buses.
    ports = sorted(name for name in _inside(monitor, _DEVICES) if name.startswith("port"))
    for port in ports:
        if not any(name.startswith("child[") for name in _inside(monitor, f"{_DEVICES}/{port}/{port}")):
            return port
    raise MachineError(
        "the machine has no free slot for another volume", hint=f"{len(ports)} volumes are its limit"
    )


def _inside(monitor: Monitor, path: str) -> list[str]:
    """The names of what QEMU's object of that path has."""
    answer = monitor.execute("qom-list", {"path": path})
    return [str(entry["name"]) for entry in answer] if isinstance(answer, list) else []
