"""InstanceFacts -> what the instance metadata service answers.

The names are those of https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html
("Instance metadata categories"); beyond what people read, they are what cloud-init's Ec2 datasource and
botocore ask for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Union

# A leaf is text, a mapping is a folder. A key "0=name" is listed as such and asked for as "0" (EC2's form for
# public keys).
Tree = Mapping[str, Union[str, "Tree"]]


@dataclass(frozen=True)
class InstanceFacts:
    """What an instance may know about itself; None where it has no such thing."""

    instance_id: str
    image_id: str
    instance_type: str
    availability_zone: str
    region: str
    account: str
    mac: str
    private_ip: str
    local_hostname: str  # ip-172-31-1-2.ec2.internal
    interface_id: str
    subnet_id: str
    subnet_cidr: str
    vpc_id: str
    vpc_cidr: str
    launch_time: str  # ISO 8601 UTC, 2026-11-23T11:30:00Z
    reservation_id: str
    security_groups: Mapping[str, str] = field(default_factory=dict)  # id -> name
    public_ip: str | None = None
    public_hostname: str = ""  # empty as on EC2 when the VPC has no DNS hostnames
    key_name: str | None = None
    public_key: str | None = None  # OpenSSH format
    role: str | None = None  # name of the role in the instance profile
    profile_arn: str | None = None
    profile_id: str | None = None
    # AccessKeyId, SecretAccessKey, Token, LastUpdated, Expiration
    credentials: Mapping[str, str] | None = None
    tags: Mapping[str, str] | None = None  # None unless instance metadata tags are enabled
    block_devices: Mapping[str, str] = field(
        default_factory=lambda: {"ami": "/dev/xvda", "root": "/dev/xvda"}
    )
    architecture: str = "x86_64"
    launch_index: int = 0
    partition: str = "aws"
    domain: str = "amazonaws.com"


def tree(facts: InstanceFacts) -> Tree:
    """The meta-data tree of an instance; what it does not have is absent, and asking for it a quick 404."""
    return {
        "ami-id": facts.image_id,
        "ami-launch-index": str(facts.launch_index),
        "ami-manifest-path": "(unknown)",
        "block-device-mapping": dict(facts.block_devices),
        "hostname": facts.local_hostname,
        **_iam(facts),
        "instance-action": "none",
        "instance-id": facts.instance_id,
        "instance-life-cycle": "on-demand",
        "instance-type": facts.instance_type,
        "local-hostname": facts.local_hostname,
        "local-ipv4": facts.private_ip,
        "mac": facts.mac,
        "network": {"interfaces": {"macs": {facts.mac: _interface(facts)}}},
        "placement": {"availability-zone": facts.availability_zone, "region": facts.region},
        "profile": "default-hvm",
        **_public(facts),
        **_public_keys(facts),
        "reservation-id": facts.reservation_id,
        "security-groups": "\n".join(facts.security_groups.values()),
        "services": {"domain": facts.domain, "partition": facts.partition},
        **({} if facts.tags is None else {"tags": {"instance": dict(facts.tags)}}),
    }


def identity_document(facts: InstanceFacts) -> dict[str, object]:
    """dynamic/instance-identity/document."""
    return {
        "accountId": facts.account,
        "architecture": facts.architecture,
        "availabilityZone": facts.availability_zone,
        "billingProducts": None,
        "devpayProductCodes": None,
        "imageId": facts.image_id,
        "instanceId": facts.instance_id,
        "instanceType": facts.instance_type,
        "kernelId": None,
        "marketplaceProductCodes": None,
        "pendingTime": facts.launch_time,
        "privateIp": facts.private_ip,
        "ramdiskId": None,
        "region": facts.region,
        "version": "2017-09-30",
    }


def _public(facts: InstanceFacts) -> Tree:
    if facts.public_ip is None:
        return {}
    return {"public-hostname": facts.public_hostname, "public-ipv4": facts.public_ip}


def _public_keys(facts: InstanceFacts) -> Tree:
    if facts.key_name is None or facts.public_key is None:
        return {}
    return {"public-keys": {f"0={facts.key_name}": {"openssh-key": facts.public_key.strip()}}}


def _interface(facts: InstanceFacts) -> Tree:
    associations = (
        {} if facts.public_ip is None else {"ipv4-associations": {facts.public_ip: facts.private_ip}}
    )
    public = (
        {}
        if facts.public_ip is None
        else {"public-hostname": facts.public_hostname, "public-ipv4s": facts.public_ip}
    )
    return {
        "device-number": "0",
        "interface-id": facts.interface_id,
        **associations,
        "local-hostname": facts.local_hostname,
        "local-ipv4s": facts.private_ip,
        "mac": facts.mac,
        "owner-id": facts.account,
        **public,
        "security-group-ids": "\n".join(facts.security_groups),
        "security-groups": "\n".join(facts.security_groups.values()),
        "subnet-id": facts.subnet_id,
        "subnet-ipv4-cidr-block": facts.subnet_cidr,
        "vpc-id": facts.vpc_id,
        "vpc-ipv4-cidr-block": facts.vpc_cidr,
        "vpc-ipv4-cidr-blocks": facts.vpc_cidr,
    }


def _iam(facts: InstanceFacts) -> Tree:
    if facts.role is None or facts.credentials is None:
        return {}
    info = {
        "Code": "Success",
        "LastUpdated": facts.credentials.get("LastUpdated", facts.launch_time),
        "InstanceProfileArn": facts.profile_arn,
        "InstanceProfileId": facts.profile_id,
    }
    credentials = {"Code": "Success", "Type": "AWS-HMAC", **facts.credentials}
    return {
        "iam": {
            "info": json.dumps(info, indent=2),
            "security-credentials": {facts.role: json.dumps(credentials, indent=2)},
        }
    }
