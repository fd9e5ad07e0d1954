"""What RunInstances is asked for: the hub's image, network, launch data and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from build.aws import tags
from build.aws.placements import Placement
from build.image_contract import LaunchData
from build.launch import user_data
from build.launch.state import LaunchState

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import (
        InstanceNetworkInterfaceSpecificationTypeDef,
        RunInstancesRequestTypeDef,
    )


def launch_data(state: LaunchState) -> LaunchData:
    """What the instance is told of its hub."""
    return user_data.launch_data(state.hub, state.options, state.clients.cloud, state.volume_id)


def of(state: LaunchState, placement: Placement) -> RunInstancesRequestTypeDef:
    """The request for one instance at that placement.

    The data volume is not in it: one that is attached later is kept when the instance ends (EC2 user guide,
    "Preserve data").
    """
    data = launch_data(state)
    root = {**state.tags, "Name": f"{state.hub.domain} root", tags.ROLE: "root"}
    return {
        "ImageId": state.image.id,
        "InstanceType": placement.instance_type,  # type: ignore[typeddict-item]  # any string EC2 knows
        "MinCount": 1,
        "MaxCount": 1,
        "UserData": user_data.render(data, user_data.operator_keys(state.hub, state.options)),
        "IamInstanceProfile": {"Name": state.profile},
        "MetadataOptions": {
            "HttpTokens": "required",
            "HttpEndpoint": "enabled",
            "HttpPutResponseHopLimit": 1,
        },
        "BlockDeviceMappings": [
            {"DeviceName": state.image.root_device, "Ebs": {"DeleteOnTermination": True}}
        ],
        "NetworkInterfaces": [_interface(state, placement)],
        "TagSpecifications": [
            *tags.specifications(_instance_tags(state, data), "instance"),
            *tags.specifications(state.tags, "network-interface"),
            *tags.specifications(root, "volume"),
        ],
    }


def _interface(state: LaunchState, placement: Placement) -> InstanceNetworkInterfaceSpecificationTypeDef:
    return {
        "DeviceIndex": 0,
        "SubnetId": placement.subnet_id or "",
        "Groups": [state.group_id],
        # until the Elastic IP leads to it: it has work to do before
        "AssociatePublicIpAddress": True,
        "DeleteOnTermination": True,
    }


def _instance_tags(state: LaunchState, data: LaunchData) -> dict[str, str]:
    instance_tags = {
        **state.tags,
        tags.LOGIN_USER: state.image.login_user,
        tags.LAUNCH: user_data.digest(data),
    }
    if state.options.staging:
        instance_tags[tags.ACME] = "staging"
    if state.options.subdomains:
        instance_tags[tags.SUBDOMAINS] = "true"
    if state.old_id:
        instance_tags[tags.REPLACES] = state.old_id
    return instance_tags
