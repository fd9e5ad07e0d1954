"""Bring machines in line with the model.

The state of an instance ("pending", "stopping", …) says what is wanted; `settle_instance` looks at it and at
the machine and does what is missing. Whoever changes the model wakes the instance, and it is looked at until
nothing is left to do. So a job has no memory of its own: after `kill -9` of the server looking once more is
all the recovery there is, and a machine that ended by itself is seen the same way.

Only one thread settles an instance at a time (work_queue.py). The lock is held to read and to write the
model, not while QEMU works.
"""

from __future__ import annotations

from build.errors import MachineError
from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.models import Attachment, LocalInstance
from localcloud.ec2.models.instance import GOALS
from localcloud.ec2.reconcile import power, volumes
from localcloud.ec2.rules import addresses, attachments, snapshots
from localcloud.machine.machine import Machine


def settle_instance(backend: LocalBackend, instance_id: str) -> None:
    """One look at one instance: the step its state asks for."""
    instance = backend.find_instance(instance_id)
    if instance is None:
        return
    steps = {
        "pending": _boot,
        "running": _tend,
        "stopping": _stop,
        "stopped": volumes.stopped,
        "shutting-down": _terminate,
    }
    if step := steps.get(instance.state):
        step(backend, instance, backend.host.machine(instance_id))


def settle_volume(backend: LocalBackend, volume_id: str) -> None:
    """Grow a volume that is not attached, and take its pending snapshots."""
    with backend.host.lock:
        volume = backend.volumes.get(volume_id)
        if volume is not None and volume.attachment is None:
            snapshots.catch_up(backend, volume)


def _boot(backend: LocalBackend, instance: LocalInstance, machine: Machine) -> None:
    if not power.on(backend, instance, machine) or not _waited_out(backend, instance):
        return
    with backend.host.lock:
        if instance.state == "pending":
            instance.become("running")
            instance.launched = True
            instance.note_forwards(instance.forward_problems)
        backend.host.save()
    backend.wake_instance(instance.id)


def _waited_out(backend: LocalBackend, instance: LocalInstance) -> bool:
    """Wait as long as a fault makes this transition take; False when another state is wanted by then."""
    state = instance.state
    return state in GOALS and backend.host.wait_out(
        GOALS[state], instance.id, lambda: instance.state == state
    )


def _tend(backend: LocalBackend, instance: LocalInstance, machine: Machine) -> None:
    """A running instance: to be rebooted? ended by itself? Else its volumes, snapshots and forwards."""
    if instance.reboot_wanted:
        _reboot(backend, instance, machine)
        return
    try:
        if machine.is_running():
            power.serve_metadata(backend, instance)
            volumes.running(backend, instance, machine)
    except MachineError:
        if machine.is_running():
            raise
    if not machine.is_running():
        _guest_ended(backend, instance, machine)


def _reboot(backend: LocalBackend, instance: LocalInstance, machine: Machine) -> None:
    """Power down and start again; the instance is "running" all along, as on EC2.

    Not QEMU's reset: EC2 reboots cleanly, and what a guest has not written back would be lost. CreateImage
    without NoReboot comes here too: its snapshots are taken while the machine is off.
    """
    power.off(instance, machine, power.POWERDOWN_S)
    with backend.host.lock:
        if instance.state != "running":
            return
        for attachment in instance.attachments:
            snapshots.catch_up(backend, attachment.volume)
    if power.on(backend, instance, machine):
        with backend.host.lock:
            instance.reboot_wanted = False
            backend.host.save()
        backend.wake_instance(instance.id)


def _guest_ended(backend: LocalBackend, instance: LocalInstance, machine: Machine) -> None:
    """The guest shut itself down: stop or terminate, as the instance's attribute says.

    A machine that crashed is stopped.
    """
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
    power.off(instance, machine, 0 if instance.force_stop else power.POWERDOWN_S)
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


def _terminate(backend: LocalBackend, instance: LocalInstance, machine: Machine) -> None:
    # What the guest has not written back yet is lost with an immediate end: that matters only for a volume
    # that is kept and for a snapshot that was asked for.
    keeps = any(
        not found.delete_on_termination or snapshots.pending_of(backend, found.volume)
        for found in instance.attachments
    )
    power.off(instance, machine, power.POWERDOWN_S if keeps else 0)
    if not _waited_out(backend, instance):
        return
    with backend.host.lock:
        backend.host.end_metadata(instance.id)
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
    attachments.unbind(attachment)
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
