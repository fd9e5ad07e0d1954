"""Bring machines in line with the model.

The state of an instance ("pending", "stopping", …) says what is wanted; `settle_instance` looks at it and at the machine
and does what is missing. Whoever changes the model wakes the instance, and it is looked at until nothing is left to do. So a
job has no memory of its own: after `kill -9` of the server looking once more is all the recovery there is, and a machine that
ended by itself is seen the same way.

Only one thread settles an instance at a time (workers.py). The lock is held to read and to write the model, not while QEMU works.
"""

from __future__ import annotations

import contextlib
import logging

from build.errors import MachineError
from build.localcloud.ec2 import addresses, facts, forwards, modifications, snapshots, tend, volumes
from build.localcloud.ec2.backend import LocalBackend
from build.localcloud.ec2.instance_types import machine_size
from build.localcloud.ec2.models import Attachment, LocalInstance
from build.localcloud.ec2.models.instance import GOALS
from build.localcloud.machine import Machine, MachineSpec
from build.localcloud.metadata import InstanceMetadata

_log = logging.getLogger("hubsmith.localcloud.settle")

# How long a guest may take to power down before it is ended: EC2 waits minutes, a person at a laptop does not.
POWERDOWN_S = 90.0
# A guest that is still in its firmware misses the power button, so it is pressed again.
PRESS_AGAIN_S = 10


def settle_instance(backend: LocalBackend, instance_id: str) -> None:
    """One look at one instance: the step its state asks for."""
    instance = backend.find_instance(instance_id)
    if instance is None:
        return
    steps = {"pending": _boot, "running": _tend, "stopping": _stop, "stopped": tend.stopped, "shutting-down": _terminate}
    if step := steps.get(instance.state):
        step(backend, instance, backend.host.machine(instance_id))


def settle_volume(backend: LocalBackend, volume_id: str) -> None:
    """Grow a volume that is not attached, and take its pending snapshots."""
    with backend.host.lock:
        volume = backend.volumes.get(volume_id)
        if volume is not None and volume.attachment is None:
            snapshots.catch_up(backend, volume)


def _boot(backend: LocalBackend, instance: LocalInstance, machine: Machine) -> None:
    if not _start(backend, instance, machine) or not _waited_out(backend, instance):
        return
    with backend.host.lock:
        if instance.state == "pending":
            instance.become("running")
            instance.launched = True
            instance.note_forwards(instance.forward_problems)
        backend.host.save()
    backend.wake_instance(instance.id)


def _waited_out(backend: LocalBackend, instance: LocalInstance) -> bool:
    """Let the time pass that a fault makes this transition take; False when another state is wanted by then."""
    state = instance.state
    return state in GOALS and backend.host.wait_out(GOALS[state], instance.id, lambda: instance.state == state)


def _start(backend: LocalBackend, instance: LocalInstance, machine: Machine) -> bool:
    """Start the machine with its forwards; False when it cannot be, and the instance says why."""
    with backend.host.lock:
        if not machine.is_running():
            _prepare(backend, instance)
        spec = _spec(backend, instance)
        target = forwards.wanted(instance)
    try:
        _serve_metadata(backend, instance)
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


def _prepare(backend: LocalBackend, instance: LocalInstance) -> None:
    """What is done while the machine is off: its controller chosen, its disks grown; the lock is held."""
    instance.controller = backend.host.controller
    for attachment in instance.attachments:
        modifications.apply_off(backend, attachment.volume)


def _serve_metadata(backend: LocalBackend, instance: LocalInstance) -> None:
    def lookup() -> InstanceMetadata:
        instance.guest_is_up = True
        return facts.metadata(backend, instance.id)

    backend.host.serve_metadata(instance.id, lookup)


def _spec(backend: LocalBackend, instance: LocalInstance) -> MachineSpec:
    vcpus, memory_mib = machine_size(instance.instance_type)
    drives = tuple(tend.drive(backend, found) for found in instance.attachments if found.status == "attached")
    return MachineSpec(instance.id, vcpus, memory_mib, instance.nics[0].mac_address, drives, instance.controller)


def _failed(backend: LocalBackend, instance: LocalInstance, reason: str) -> None:
    """EC2: a first launch that fails ends terminated, a later start stopped; both say why."""
    with backend.host.lock:
        if instance.state in ("pending", "running"):
            instance.become("stopping" if instance.launched else "shutting-down", code="Server.InternalError", message=reason)
        backend.host.save()
    backend.wake_instance(instance.id)


def _tend(backend: LocalBackend, instance: LocalInstance, machine: Machine) -> None:
    """A running instance: to be rebooted? ended by itself? Else its volumes, snapshots and forwards."""
    if instance.reboot_wanted:
        _reboot(backend, instance, machine)
        return
    try:
        if machine.is_running():
            _serve_metadata(backend, instance)
            tend.running(backend, instance, machine)
    except MachineError:
        if machine.is_running():
            raise
    if not machine.is_running():
        _guest_ended(backend, instance, machine)


def _reboot(backend: LocalBackend, instance: LocalInstance, machine: Machine) -> None:
    """Power down and start again; the instance is "running" all along, as on EC2.

    Not QEMU's reset: EC2 reboots cleanly, and what a guest has not written back would be lost. CreateImage without NoReboot
    comes here too: its snapshots are taken while the machine is off.
    """
    power_off(instance, machine, POWERDOWN_S)
    with backend.host.lock:
        if instance.state != "running":
            return
        for attachment in instance.attachments:
            snapshots.catch_up(backend, attachment.volume)
    if _start(backend, instance, machine):
        with backend.host.lock:
            instance.reboot_wanted = False
            backend.host.save()
        backend.wake_instance(instance.id)


def _guest_ended(backend: LocalBackend, instance: LocalInstance, machine: Machine) -> None:
    """The guest shut itself down: stop or terminate, as the instance's attribute says. A machine that crashed is stopped."""
    with backend.host.lock:
        if instance.state != "running":
            return
        terminate = instance.instance_initiated_shutdown_behavior == "terminate" and not machine.crashed()
        code, message = "Client.InstanceInitiatedShutdown", "Instance initiated shutdown"
        if machine.crashed():
            code, message = "Server.InternalError", "The machine's process (QEMU) ended unexpectedly"
        instance.become("shutting-down" if terminate else "stopping", code=code, message=message)
        backend.host.save()
    backend.wake_instance(instance.id)


def _stop(backend: LocalBackend, instance: LocalInstance, machine: Machine) -> None:
    power_off(instance, machine, 0 if instance.force_stop else POWERDOWN_S)
    if not _waited_out(backend, instance):
        return
    with backend.host.lock:
        if instance.state != "stopping":
            return
        backend.host.stop_metadata(instance.id)
        instance.settle_into("stopped")
        addresses.take_public_address(backend, instance)
        backend.host.save()
    backend.wake_instance(instance.id)


def power_off(instance: LocalInstance, machine: Machine, patience_s: float) -> None:
    """Press the power button, wait, then end the machine.

    Returns with the machine still running when meanwhile another state is wanted: the next look goes on from there.
    """
    wanted, waited = instance.state, 0
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


def _terminate(backend: LocalBackend, instance: LocalInstance, machine: Machine) -> None:
    # What the guest has not written back yet is lost with an immediate end: that matters only for a volume that is kept
    # and for a snapshot that was asked for.
    keeps = any(not found.delete_on_termination or snapshots.pending_of(backend, found.volume) for found in instance.attachments)
    power_off(instance, machine, POWERDOWN_S if keeps else 0)
    if not _waited_out(backend, instance):
        return
    with backend.host.lock:
        backend.host.stop_metadata(instance.id)
        for attachment in instance.attachments:
            _release_volume(backend, attachment)
        _release_network(backend, instance)
        backend.iam_instance_profile_associations.pop(instance.id, None)
        instance.settle_into("terminated")
        backend.host.save()
    backend.wake_collector()


def _release_volume(backend: LocalBackend, attachment: Attachment) -> None:
    volume = attachment.volume
    snapshots.catch_up(backend, volume)
    volumes.unbind(attachment)
    if attachment.delete_on_termination:
        backend.volumes.pop(volume.id, None)
        backend.tags.pop(volume.id, None)


def _release_network(backend: LocalBackend, instance: LocalInstance) -> None:
    if address := addresses.elastic_of(backend, instance):
        addresses.disassociate(backend, address)
    addresses.take_public_address(backend, instance)
    for interface in list(instance.nics.values()):
        kept = not interface.delete_on_termination
        instance.detach_eni(interface)
        if not kept:
            interface.delete()
    instance.leave_network()
