"""Put our EC2 in moto's place."""

from __future__ import annotations

import os

from moto.ec2.models import ec2_backends
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE
from moto.iam.models import IAMBackend, iam_backends

from localcloud.ec2 import urls
from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.host import Host
from localcloud.ec2.reconcile import forwards, layer_gc
from localcloud.ec2.reconcile import instance as instance_reconciler
from localcloud.ec2.rules import base_images, instance_types
from localcloud.faults import consistency


def install(host: Host) -> None:
    """From now on moto's EC2 is the local cloud's; call it once, before anything asks for a backend."""
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"  # 2 000 images nobody could launch
    instance_types.fill_offerings()
    EC2_PREFIX_TO_RESOURCE["eipalloc"] = "elastic-ip"  # as EC2's DescribeTags calls it
    LocalBackend.host, LocalBackend.url_module = host, urls
    host.resource_ids = lambda: (
        {found for backend in backends() for found in backend.resource_ids()} | _roles_and_profiles()
    )
    host.reconcilers = {
        "instance": instance_reconciler.reconcile_instance,
        "forwards": forwards.reconcile,
        "volume": instance_reconciler.reconcile_volume,
        "layers": layer_gc.collect,
    }
    ec2_backends.backend = LocalBackend
    for account in ec2_backends.values():
        account.backend = LocalBackend


def backends() -> list[LocalBackend]:
    """EC2 of every account and region somebody has used."""
    return [found for _, _, found in ec2_backends.iter_backends() if isinstance(found, LocalBackend)]


def _roles_and_profiles() -> set[str]:
    found = [backend for _, _, backend in iam_backends.iter_backends() if isinstance(backend, IAMBackend)]
    roles = {consistency.role_id(role.name) for backend in found for role in backend.get_roles()}
    return roles | {
        consistency.profile_id(profile.name)
        for backend in found
        for profile in backend.get_instance_profiles()
    }


def resume(host: Host) -> None:
    """After a start: claim the addresses in use and look at every instance and volume once."""
    for backend in backends():
        with host.lock:
            for address in _addresses_in_use(backend):
                host.addresses.reserve(address)
            base_images.register_cached(backend)
            for volume_id in backend.volumes:
                backend.enqueue_volume(volume_id)
        backend.enqueue_all()
        backend.enqueue_layer_gc()


def _addresses_in_use(backend: LocalBackend) -> set[str]:
    elastic = {address.public_ip for address in backend.addresses}
    return elastic | {instance.public_ip for instance in backend.local_instances() if instance.public_ip}
