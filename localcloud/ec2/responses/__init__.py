"""EC2's actions over the wire: read the parameters, call one rule, return what is to be serialized.

No rules here.
"""

from __future__ import annotations

from moto.ec2.responses import EC2Response

from localcloud.ec2.responses.idempotent import IdempotentActions
from localcloud.ec2.responses.images import ImageActions
from localcloud.ec2.responses.instance_profiles import ProfileActions
from localcloud.ec2.responses.instances import InstanceActions
from localcloud.ec2.responses.network import NetworkActions
from localcloud.ec2.responses.permissions import PermissionActions
from localcloud.ec2.responses.regions import RegionActions
from localcloud.ec2.responses.run_instances import LaunchActions
from localcloud.ec2.responses.volumes import VolumeActions


class LocalResponse(
    IdempotentActions,
    LaunchActions,
    InstanceActions,
    VolumeActions,
    ImageActions,
    PermissionActions,
    NetworkActions,
    ProfileActions,
    RegionActions,
    EC2Response,
):
    """moto's EC2 with the actions that concern machines, disks and addresses replaced."""

    RESPONSE_KEY_PATH_TO_TRANSFORMER = {  # noqa: RUF012  # moto's own annotation
        **EC2Response.RESPONSE_KEY_PATH_TO_TRANSFORMER,
        # Absent, not empty, while there is no reason.
        "Instances.Instance.StateReason": lambda reason: reason if reason and reason.code else None,
        # moto says "creating" whatever it is.
        "CreateVolumeResponse.State": lambda state: state,
    }
