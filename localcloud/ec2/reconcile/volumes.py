"""What a running (or stopped) instance needs now and then: volumes plugged, snapshots taken."""

from __future__ import annotations

import logging
import time

from build.errors import MachineError
from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.models import Attachment, LocalInstance
from localcloud.ec2.rules import attachments, instance_types, modifications, snapshots
from localcloud.machine.machine import Drive, Machine

_log = logging.getLogger("hubsmith.localcloud.volumes")

# A volume plugged in while the guest is in its firmware is overlooked for good. Where no disk was written to
# yet the boot begins again with it; else "attaching" lasts until the guest's first words to its metadata
# service. A guest that never asks anything gets its volume after this time.
GUEST_UP_S = 90.0
# A guest that has still not asked or written anything may be one that never does: it is not reset.
FIRMWARE_S = 60.0


def drive(backend: LocalBackend, attachment: Attachment) -> Drive:
    """A volume as its machine sees it."""
    volume = attachment.volume
    return Drive(
        volume.id,
        backend.host.layers.path(volume.layer),
        boot=attachment.device == attachment.instance.root_device_name,
        named=instance_types.has_nvme(attachment.instance.instance_type),
    )


def running(backend: LocalBackend, instance: LocalInstance, machine: Machine) -> None:
    """Bring the volumes and snapshots of a machine that runs in line with the model."""
    for attachment in instance.attachments:
        if attachment.status == "attaching":
            _plug_in(backend, attachment, machine)
        elif attachment.status in ("detaching", "busy"):
            _unplug(backend, attachment, machine)
        if attachment.status == "attached":
            # In this order: a new layer that was begun has the size of then.
            _snapshot_live(backend, attachment, machine)
            modifications.apply_live(backend, attachment, machine)


def stopped(backend: LocalBackend, instance: LocalInstance, _: Machine) -> None:
    """The same without a machine: there is nothing to wait for."""
    with backend.host.lock:
        for attachment in instance.attachments:
            snapshots.catch_up(backend, attachment.volume)
            if attachment.status == "attaching":
                attachment.status = "attached"
            elif attachment.status in ("detaching", "busy"):
                attachments.unbind(attachment)
        backend.host.save()


def may_be_in_its_firmware(instance: LocalInstance) -> bool:
    """Was it powered on a moment ago, and has its guest asked nothing yet?"""
    return not instance.guest_is_up and time.time() - instance.booted_at < FIRMWARE_S


def _guest_is_up(instance: LocalInstance, machine: Machine) -> bool:
    """Wait for the guest; False when it is to run, or runs, no longer."""
    deadline = time.monotonic() + GUEST_UP_S
    while not instance.guest_is_up and time.monotonic() < deadline:
        if instance.state != "running" or instance.reboot_wanted or machine.wait_ended(0.2):
            return False
    return True


def _plug_in(backend: LocalBackend, attachment: Attachment, machine: Machine) -> None:
    if not _waited_out(backend, "attached", attachment):
        return
    try:
        if not _is_plugged_in(backend, attachment, machine):
            return
    except MachineError:
        _log.exception("%s: %s could not be attached", attachment.instance.id, attachment.volume.id)
        _let_go(backend, attachment)
        return
    with backend.host.lock:
        if attachment.status == "attaching":
            attachment.status = "attached"
        backend.host.save()


def _is_plugged_in(backend: LocalBackend, attachment: Attachment, machine: Machine) -> bool:
    """Plug it in, at the beginning of a boot or when the guest is up; False when it is to run no longer."""
    instance = attachment.instance
    if may_be_in_its_firmware(instance) and machine.begin_again_with(
        _up_to_date(backend, attachment), instance.controller
    ):
        return True
    if not _guest_is_up(instance, machine):
        return False
    machine.attach(_up_to_date(backend, attachment), instance.controller)
    return True


def _up_to_date(backend: LocalBackend, attachment: Attachment) -> Drive:
    with backend.host.lock:
        snapshots.catch_up(backend, attachment.volume)
        return drive(backend, attachment)


def _waited_out(backend: LocalBackend, change: str, attachment: Attachment) -> bool:
    """Let the time pass that a fault asks for; False when the instance has other worries by then."""
    instance = attachment.instance
    return backend.host.wait_out(
        change, attachment.volume.id, lambda: instance.state == "running" and not instance.reboot_wanted
    )


def _unplug(backend: LocalBackend, attachment: Attachment, machine: Machine) -> None:
    if not _waited_out(backend, "detached", attachment):
        return
    try:
        machine.detach(attachment.volume.id)
    except MachineError:
        # As on EC2: a volume that the guest does not let go of is "busy" until it does. The watchdog has it
        # asked again.
        if attachment.status == "detaching":
            _log.exception("%s: %s is busy", attachment.instance.id, attachment.volume.id)
            with backend.host.lock:
                attachment.status = "busy"
                backend.host.save()
        return
    _let_go(backend, attachment)


def _let_go(backend: LocalBackend, attachment: Attachment) -> None:
    with backend.host.lock:
        attachments.unbind(attachment)
        backend.host.save()
    backend.enqueue_volume(attachment.volume.id)


def _snapshot_live(backend: LocalBackend, attachment: Attachment, machine: Machine) -> None:
    volume = attachment.volume
    with backend.host.lock:
        waiting = snapshots.pending_of(backend, volume)
        # else a switch that was begun is finished, even if its snapshot is gone
        if not waiting and volume.next_layer is None:
            return
        overlay = snapshots.make_next_layer(backend, volume)
    try:
        machine.switch_to_overlay(volume.id, overlay)
    except MachineError as problem:
        _log.exception("%s could not be snapshot", volume.id)
        with backend.host.lock:
            snapshots.fail(backend, waiting, str(problem))
        return
    with backend.host.lock:
        snapshots.complete(backend, waiting, volume.switch())
