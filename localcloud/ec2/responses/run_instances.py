"""RunInstances: read its parameters; rules/run_instances.py does the rest."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult

from localcloud.ec2.errors import Ec2Error, missing_parameter, unsupported
from localcloud.ec2.responses.base import LocalActions
from localcloud.ec2.rules import base_images, run_instances
from localcloud.ec2.run_instances_request import LaunchRequest


class LaunchActions(LocalActions):
    """The one action with more than a handful of parameters."""

    def run_instances(self) -> ActionResult:
        """RunInstances."""
        base_images.register_cached(self.backend)
        request = self._launch_request()
        if self._get_param("DryRun", False):
            run_instances.check(self.backend, request)
        self.error_on_dryrun()
        return ActionResult(run_instances.launch(self.backend, request))

    def _launch_request(self) -> LaunchRequest:
        self._refuse_unsupported()
        if not self._get_param("ImageId"):
            raise missing_parameter("ImageId")
        options = self._get_param("MetadataOptions") or {}
        network = self._network()
        return LaunchRequest(
            image_id=self.text("ImageId"),
            min_count=int(self._get_param("MinCount", 1)),
            max_count=int(self._get_param("MaxCount", 1)),
            instance_type=self._get_param("InstanceType") or "m1.small",
            key_name=self.optional("KeyName"),
            group_names=tuple(self.values("SecurityGroups")),
            zone=(self._get_param("Placement") or {}).get("AvailabilityZone"),
            device_mappings=tuple(self.values("BlockDeviceMappings")),
            user_data=self.optional("UserData"),
            metadata_options=dict(options),
            shutdown_behavior=self._get_param("InstanceInitiatedShutdownBehavior") or "stop",
            disable_api_termination=self.flag("DisableApiTermination"),
            disable_api_stop=self.flag("DisableApiStop"),
            ebs_optimized=self.flag("EbsOptimized"),
            monitoring=bool((self._get_param("Monitoring") or {}).get("Enabled")),
            profile_name=(self._get_param("IamInstanceProfile") or {}).get("Name"),
            profile_arn=(self._get_param("IamInstanceProfile") or {}).get("Arn"),
            tags=self.tags(),
            client_token=self.optional("ClientToken"),
            **network,
        )

    def _refuse_unsupported(self) -> None:
        for name, what in (
            ("LaunchTemplate", "launch templates"),
            ("InstanceMarketOptions", "spot instances"),
        ):
            if self._get_param(name):
                raise unsupported(what)

    def _network(self) -> dict[str, Any]:
        """Subnet, groups and addresses, said at the top or in the one network interface a machine has."""
        interfaces = self.values("NetworkInterfaces")
        if not interfaces:
            return {
                "subnet_id": self.optional("SubnetId"),
                "group_ids": tuple(self.values("SecurityGroupIds")),
                "private_ip": self.optional("PrivateIpAddress"),
            }
        if self._get_param("SubnetId") or self._get_param("SecurityGroupIds"):
            message = (
                "Network interfaces and an instance-level subnet ID or security groups may not be "
                "specified on the same request"
            )
            raise Ec2Error("InvalidParameterCombination", message)
        if len(interfaces) > 1 or interfaces[0].get("NetworkInterfaceId"):
            raise unsupported("more than one network interface, or one made before")
        interface = interfaces[0]
        return {
            "subnet_id": interface.get("SubnetId"),
            "group_ids": tuple(interface.get("Groups", ())),
            "private_ip": interface.get("PrivateIpAddress"),
            "associate_public_ip": interface.get("AssociatePublicIpAddress"),
        }
