"""What an instance is told about itself by IMDS, read from the model on every request."""

from __future__ import annotations

import base64
from typing import Literal, cast

from moto.iam.models import Role

from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.models import LocalInstance
from localcloud.iam import arns, sessions
from localcloud.machine.imds_server import InstanceFacts, InstanceMetadata, identity_document, tree

_ISO = "%Y-%m-%dT%H:%M:%SZ"


def metadata(backend: LocalBackend, instance_id: str) -> InstanceMetadata:
    """The answers of one instance; called by its metadata server."""
    with backend.host.lock:
        instance = backend.instance(instance_id)
        facts = _facts(backend, instance)
        options = instance.metadata_options
        user_data = base64.b64decode(str(instance.user_data)) if instance.user_data else None
    return InstanceMetadata(
        tree(facts),
        user_data,
        identity_document(facts),
        http_tokens=cast(Literal["optional", "required"], options.http_tokens),
        http_endpoint=cast(Literal["enabled", "disabled"], options.http_endpoint),
    )


def _facts(backend: LocalBackend, instance: LocalInstance) -> InstanceFacts:
    interface = instance.nics[0]
    key = backend.key_pairs.get(instance.key_name or "")
    association = backend.iam_instance_profile_associations.get(instance.id)
    profile = association.iam_instance_profile if association else None
    with_tags = instance.metadata_options.instance_metadata_tags == "enabled"
    return InstanceFacts(
        instance_id=instance.id,
        image_id=instance.image_id,
        instance_type=instance.instance_type,
        availability_zone=instance.placement.zone or "",
        region=backend.region_name,
        account=backend.account_id,
        mac=interface.mac_address,
        private_ip=interface.private_ip_address,
        local_hostname=instance.private_dns_name,
        interface_id=interface.id,
        subnet_id=interface.subnet.id,
        subnet_cidr=interface.subnet.cidr_block,
        vpc_id=interface.subnet.vpc_id,
        vpc_cidr=backend.get_vpc(interface.subnet.vpc_id).cidr_block,
        launch_time=instance.launch_time.strftime(_ISO),
        reservation_id=_reservation_id(backend, instance),
        security_groups={group.id: group.name for group in interface.group_set},
        public_ip=interface.public_ip,
        key_name=instance.key_name,
        public_key=key.public_key if key else None,
        role=profile.roles[0].name if profile and profile.roles else None,
        profile_arn=profile.arn if profile else None,
        profile_id=profile.id if profile else None,
        credentials=_credentials(backend, profile.roles[0], instance) if profile and profile.roles else None,
        tags={tag["key"]: tag["value"] for tag in instance.get_tags()} if with_tags else None,
        block_devices=_block_devices(instance),
        architecture=instance.architecture or "x86_64",
        launch_index=instance.ami_launch_index,
        partition=arns.partition(backend.region_name),
        domain=arns.url_suffix(backend.region_name),
    )


def _reservation_id(backend: LocalBackend, instance: LocalInstance) -> str:
    return next((found.id for found in backend.reservations.values() if instance in found.instances), "")


def _block_devices(instance: LocalInstance) -> dict[str, str]:
    root = instance.root_device_name or ""
    others = [found.device for found in instance.attachments if found.device != root]
    return {"ami": root, "root": root} | {
        f"ebs{number}": device for number, device in enumerate(others, start=1)
    }


def _credentials(backend: LocalBackend, role: Role, instance: LocalInstance) -> dict[str, str]:
    """Credentials of the role, new ones in time before the last expire."""
    issued, is_new = sessions.credentials(backend.account_id, backend.region_name, role, instance.id)
    if is_new:
        backend.host.save()
    return {
        "AccessKeyId": issued.access_key_id,
        "SecretAccessKey": issued.secret_access_key,
        "Token": issued.session_token,
        "LastUpdated": (issued.expiration - sessions.LIFETIME).strftime(_ISO),
        "Expiration": issued.expiration.strftime(_ISO),
    }
