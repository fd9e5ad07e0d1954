"""Switch the machine of an instance on, with its disks, forwards and metadata, and off again."""

from __future__ import annotations

import contextlib
import logging
import time

from build.errors import MachineError
from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.models import LocalInstance
from localcloud.ec2.reconcile import forwards, imds_facts, volumes
from localcloud.ec2.rules import snapshots
from localcloud.ec2.rules.instance_types import has_nvme, machine_size
from localcloud.machine.imds_server import InstanceMetadata
from localcloud.machine.machine import Machine, MachineSpec

_log = logging.getLogger("hubsmith.localcloud.power")

# How long a guest may take to power down before it is ended: EC2 waits minutes, a person does not.
POWERDOWN_S = 90.0
# A guest that is still in its firmware misses the power button, so it is pressed again.
PRESS_AGAIN_S = 10


def on(backend: LocalBackend, instance: LocalInstance, machine: Machine) -> bool:
    """Start the machine with its forwards; False when it cannot be, and the instance says why."""
    with backend.host.lock:
        if not machine.is_running():
            _prepare(backend, instance)
        spec = _spec(backend, instance)
        target = forwards.wanted(instance)
    try:
        serve_metadata(backend, instance)
        if not machine.is_running():
            instance.guest_is_up = False
            machine.start(spec)
        problems = forwards.apply(machine, instance.id, target)
    except (MachineError, OSError) as problem:
        _log.exception("%s: did not start", instance.id)
        _failed(backend, instance, str(problem))
        return False
    with backend.host.lock:
        instance.note_forwards(problems)
    return True


def off(instance: LocalInstance, machine: Machine, patience_s: float) -> None:
    """Press the power button, wait, then end the machine; one whose boot has only begun is ended at once.

    Returns with the machine still running when meanwhile another state is wanted: the next look goes on from
    there.
    """
    wanted, waited = instance.state, 0
    with contextlib.suppress(MachineError):  # it has just ended, or does not answer: the loop has patience
        if volumes.may_be_in_its_firmware(instance) and machine.end_before_its_boot():
            return
    while machine.is_running() and waited < patience_s and not instance.force_stop:
        if instance.state != wanted:
            return
        if waited % PRESS_AGAIN_S == 0:
            with contextlib.suppress(MachineError):  # it has just ended
                machine.powerdown()
        machine.wait_ended(1.0)
        waited += 1
    if machine.is_running():
        _log.info("%s: ended hard after %s s", instance.id, waited)
        machine.quit()


def serve_metadata(backend: LocalBackend, instance: LocalInstance) -> None:
    """Answer the guest's questions; its first one says that it is up."""

    def lookup() -> InstanceMetadata:
        instance.guest_is_up = True
        return imds_facts.metadata(backend, instance.id)

    backend.host.serve_metadata(instance.id, lookup)


def _prepare(backend: LocalBackend, instance: LocalInstance) -> None:
    """What is done while the machine is off: its controller chosen, its disks grown and frozen as asked for;
    the lock is held.
    """
    # QEMU's NVMe disks need a serial, which the disks of other types have not.
    instance.controller = backend.host.controller if has_nvme(instance.instance_type) else "virtio-blk"
    instance.booted_at = time.time()
    backend.host.faults.begin("console", instance.id)
    for attachment in instance.attachments:
        snapshots.catch_up(backend, attachment.volume)


def _spec(backend: LocalBackend, instance: LocalInstance) -> MachineSpec:
    vcpus, memory_mib = machine_size(instance.instance_type)
    drives = tuple(
        volumes.drive(backend, found) for found in instance.attachments if found.status == "attached"
    )
    return MachineSpec(
        instance.id, vcpus, memory_mib, instance.nics[0].mac_address, drives, instance.controller
    )


def _failed(backend: LocalBackend, instance: LocalInstance, reason: str) -> None:
    """EC2: a first launch that fails ends terminated, a later start stopped; both say why."""
    with backend.host.lock:
        if instance.state in ("pending", "running"):
            instance.become(
                "stopping" if instance.launched else "shutting-down",
                code="Server.InternalError",
                message=reason,
            )
        backend.host.save()
    backend.enqueue_instance(instance.id)
