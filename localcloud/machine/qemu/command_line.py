"""MachineSpec -> the command line of qemu-system-x86_64.

What is plugged later over QMP (block nodes, devices) is made by the same functions as what is there from the
start.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import uuid
from dataclasses import dataclass
from pathlib import Path

from localcloud.machine.qemu import emulation
from localcloud.machine.qemu.firmware import Firmware
from localcloud.machine.qemu.program import Accelerator, Program
from localcloud.machine.qemu.saved_states import BOARD
from localcloud.machine.qemu.spec import Controller, Drive, MachineSpec

# A root port per volume: PCIe devices can be hot plugged only behind one. They are the functions of one
# device, which has eight; each costs the firmware 0.04 s.
PORTS = 8


@dataclass(frozen=True)
class MachineFiles:
    """Where one machine keeps what; the sockets are in a short-named folder (Linux allows 108 bytes)."""

    pid: Path
    log: Path
    console: Path
    uefi_variables: Path
    monitor: Path
    metadata: Path


@dataclass(frozen=True)
class Tools:
    """What of this host runs a machine; socat is the path of that program."""

    program: Program
    accelerator: Accelerator
    firmware: Firmware
    socat: str


def command_line(spec: MachineSpec, files: MachineFiles, tools: Tools, saved: str | None) -> list[str]:
    """The whole command; saved is the stored name of a saved state to go on from."""
    return [
        *tools.program.command,
        # The name of the process, which would be that of the C library's loader where the program comes from
        # the cache.
        *(
            "-name",
            f"{spec.instance_id},process=qemu-system-x86",
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-vga",
            "none",
        ),
        *("-daemonize", "-pidfile", str(files.pid), "-D", str(files.log), "-msg", "timestamp=on"),
        *_board(spec, tools),
        *_identity(spec.instance_id),
        *_firmware(files, tools.firmware),
        *(
            "-chardev",
            f"file,id=console,append=on,path={_escaped(files.console)}",
            "-serial",
            "chardev:console",
        ),
        *(
            "-chardev",
            f"socket,id=monitor,server=on,wait=off,path={_escaped(files.monitor)}",
            "-mon",
            "chardev=monitor,mode=control",
        ),
        *("-device", "virtio-rng-pci"),
        *_network(spec.mac, files.metadata, tools.socat),
        *_drives(spec),
        *(() if saved is None else ("-loadvm", saved)),
    ]


def block_node(drive: Drive) -> dict[str, object]:
    """The block node of a volume, named by its id; also the arguments of blockdev-add."""
    return {
        "driver": "qcow2",
        "node-name": drive.volume_id,
        "discard": "unmap",
        # What the guest flushes reaches the host's page cache, so it survives the death of QEMU and of the
        # server; it is not forced to the host's disk, so it does not survive the host's own power failure.
        # That is the bargain of a local cloud: package managers call fsync for every file.
        "cache": {"direct": False, "no-flush": True},
        "file": {"driver": "file", "filename": str(drive.path.absolute()), "discard": "unmap"},
    }


def disk_device(drive: Drive, controller: Controller, port: str) -> dict[str, object]:
    """The disk in front of that node, behind a root port; also the arguments of device_add."""
    driver = "virtio-blk-pci" if controller == "virtio-blk" else "nvme"
    device: dict[str, object] = {
        "driver": driver,
        "id": drive.volume_id,
        "drive": drive.volume_id,
        "bus": port,
    }
    if drive.named:
        device["serial"] = drive.serial
    if controller == "virtio-blk":
        # While the host's disk is full the machine waits, and its guest never learns of it.
        device["werror"] = "enospc"
    return {**device, "bootindex": 0} if drive.boot else device


def _board(spec: MachineSpec, tools: Tools) -> list[str]:
    # EC2 has neither SATA nor SMBus, and looking for what hangs on them delays a guest by seconds.
    machine = f"{BOARD},smm=off,vmport=off,sata=off,smbus=off"
    # Of what "max" brings, 5-level paging costs every emulated memory access one more step, and "fast" string
    # instructions (erms, fsrm) are emulated a byte at a time: without them kernel and C library copy by
    # words. With monitor, the firmware has processors that nobody has started wait by MWAIT, which is
    # emulated as a loop: each keeps a processor of the host busy; else by HLT.
    with_kvm = tools.accelerator == "kvm"
    processor = "host" if with_kvm else "max,la57=off,erms=off,fsrm=off,monitor=off"
    return [
        *("-machine", machine, "-accel", "kvm" if with_kvm else emulation.accel_option(), "-cpu", processor),
        *("-smp", str(spec.vcpus), "-m", f"{spec.memory_mib}M", "-rtc", "base=utc,clock=host"),
    ]


def _identity(instance_id: str) -> list[str]:
    # cloud-init takes a machine for EC2's when uuid and serial are equal and begin with ec2 (its Ec2
    # datasource, identify_aws).
    number = str(uuid.UUID(hex="ec2" + hashlib.sha256(instance_id.encode()).hexdigest()[:29]))
    return [
        *("-uuid", number),
        *("-smbios", f"type=1,manufacturer=Amazon EC2,serial={number}"),
        *("-smbios", f"type=2,manufacturer=Amazon EC2,asset={instance_id}"),
    ]


def _firmware(files: MachineFiles, firmware: Firmware) -> list[str]:
    code = {
        "driver": "raw",
        "node-name": "uefi-code",
        "read-only": True,
        "file": {"driver": "file", "filename": str(firmware.code)},
    }
    variables = {
        "driver": "qcow2",
        "node-name": "uefi-vars",
        "file": {"driver": "file", "filename": str(files.uefi_variables)},
    }
    return [
        *("-blockdev", json.dumps(code), "-blockdev", json.dumps(variables)),
        *("-machine", "pflash0=uefi-code,pflash1=uefi-vars"),
    ]


def _network(mac: str, metadata: Path, socat: str) -> list[str]:
    # -cmd starts a socat for every connection (a -tcp chardev would serve only one ever); when nobody listens
    # on the socket it ends at once, and so does the guest's connection. -t: a client that has sent all it
    # wants still gets its answer. -lf: what socat complains about would go to the guest.
    imds = f"{socat} -t 30 -lf /dev/null STDIO UNIX-CONNECT:{shlex.quote(str(metadata))}"
    forward = f"guestfwd=tcp:169.254.169.254:80-cmd:{_escaped(imds)}"
    return [
        *("-netdev", f"user,id=net0,net=169.254.0.0/16,host=169.254.0.1,dns=169.254.169.253,{forward}"),
        *("-device", json.dumps({"driver": "virtio-net-pci", "netdev": "net0", "mac": mac, "romfile": ""})),
    ]


def _drives(spec: MachineSpec) -> list[str]:
    ports = [arguments for number in range(PORTS) for arguments in ("-device", json.dumps(_port(number)))]
    disks = []
    for number, drive in enumerate(spec.drives):
        disks += ["-blockdev", json.dumps(block_node(drive))]
        disks += ["-device", json.dumps(disk_device(drive, spec.controller, f"port{number}"))]
    return ports + disks


def _port(number: int) -> dict[str, object]:
    place = {"bus": "pcie.0", "addr": f"10.{number}", "multifunction": True, "chassis": number + 1}
    return {"driver": "pcie-root-port", "id": f"port{number}", "io-reserve": 0, **place}


def _escaped(value: object) -> str:
    """QEMU separates options by commas; a comma within one is doubled."""
    return str(value).replace(",", ",,")
