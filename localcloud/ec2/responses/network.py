"""Security groups and Elastic IPs."""

from __future__ import annotations

from typing import Literal

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models.elastic_ip_addresses import ElasticAddress
from moto.ec2.responses import EC2Response

from localcloud.ec2.errors import missing_parameter, unsupported
from localcloud.ec2.models import LocalInstance
from localcloud.ec2.responses.base import LocalActions
from localcloud.ec2.rules import addresses, security_groups


class NetworkActions(LocalActions):
    """What decides which ports of which address reach an instance."""

    def delete_security_group(self) -> ActionResult:
        """DeleteSecurityGroup."""
        self.error_on_dryrun()
        security_groups.delete(self.backend, self.optional("GroupId"), self.optional("GroupName"))
        return EmptyResult()

    def authorize_security_group_ingress(self) -> ActionResult:
        """AuthorizeSecurityGroupIngress; forwards follow."""
        return self._then_forward(self._authorize("ingress"))

    def authorize_security_group_egress(self) -> ActionResult:
        """AuthorizeSecurityGroupEgress."""
        return self._authorize("egress")

    def _authorize(self, direction: Literal["ingress", "egress"]) -> ActionResult:
        self.error_on_dryrun()
        wanted = list(EC2Response._process_rules_from_querystring(self))  # type: ignore[arg-type]  # we are one
        return ActionResult(
            {"Return": True, "SecurityGroupRules": security_groups.authorize(self.backend, direction, wanted)}
        )

    def revoke_security_group_ingress(self) -> ActionResult:
        """RevokeSecurityGroupIngress: moto's, then forwards follow."""
        return self._then_forward(EC2Response.revoke_security_group_ingress(self))  # type: ignore[arg-type]  # we are one

    def modify_security_group_rules(self) -> ActionResult:
        """ModifySecurityGroupRules: moto's, then forwards follow."""
        for changed in self.values("SecurityGroupRules"):
            security_groups.check_changed(changed.get("SecurityGroupRule", {}))
        return self._then_forward(EC2Response.modify_security_group_rules(self))  # type: ignore[arg-type]  # we are one

    def modify_network_interface_attribute(self) -> ActionResult:
        """ModifyNetworkInterfaceAttribute: moto takes unknown groups and does not tell the instance."""
        self.error_on_dryrun()
        instance = self.backend.get_network_interface(self.text("NetworkInterfaceId")).instance
        wanted = self.values("Groups")
        if wanted and isinstance(instance, LocalInstance):
            security_groups.change(self.backend, instance, wanted)
        for group_id in wanted:
            security_groups.get(self.backend, group_id)
        return self._then_forward(EC2Response.modify_network_interface_attribute(self))  # type: ignore[arg-type]  # we are one

    def _then_forward(self, result: ActionResult) -> ActionResult:
        for instance in self.backend.local_instances():
            self.backend.wake_doors(instance.id)
        return result

    def describe_account_attributes(self) -> ActionResult:
        """DescribeAccountAttributes: moto's, with our limit of addresses, and only what is asked for."""
        self.error_on_dryrun()
        wanted, limit = self.values("AttributeNames"), str(addresses.limit(self.backend))
        known = {
            "supported-platforms": "VPC",
            "default-vpc": self.backend.default_vpc.id,
            "max-instances": "20",
        }
        known |= {
            "vpc-max-security-groups-per-interface": "5",
            "max-elastic-ips": limit,
            "vpc-max-elastic-ips": limit,
        }
        attributes = [
            {"AttributeName": name, "AttributeValues": [{"AttributeValue": value}]}
            for name, value in known.items()
            if not wanted or name in wanted
        ]
        return ActionResult({"AccountAttributes": attributes})

    def allocate_address(self) -> ActionResult:
        """AllocateAddress."""
        if self._get_param("Address"):
            raise unsupported("choosing an address")
        self.error_on_dryrun()
        address = addresses.allocate(self.backend, self.tags().get("elastic-ip", {}))
        members = {"PublicIp": address.public_ip, "AllocationId": address.allocation_id, "Domain": "vpc"}
        return ActionResult(members | {"PublicIpv4Pool": "amazon", "NetworkBorderGroup": self.region})

    def _address(self) -> ElasticAddress:
        allocation_id, public_ip = self.optional("AllocationId"), self.optional("PublicIp")
        if not allocation_id and not public_ip:
            raise missing_parameter("AllocationId")
        return addresses.find(self.backend, allocation_id=allocation_id, public_ip=public_ip)

    def associate_address(self) -> ActionResult:
        """AssociateAddress, with an instance or its network interface."""
        self.error_on_dryrun()
        address = self._address()
        if interface_id := self.optional("NetworkInterfaceId"):
            interface = self.backend.get_network_interface(interface_id)
        elif instance_id := self.optional("InstanceId"):
            interface = addresses.interface_of(self.backend.instance(instance_id))
        else:
            raise missing_parameter("InstanceId")
        associated = addresses.associate(
            self.backend, address, interface, reassociate=self.flag("AllowReassociation", default=True)
        )
        return ActionResult({"AssociationId": associated.association_id})

    def disassociate_address(self) -> ActionResult:
        """DisassociateAddress."""
        self.error_on_dryrun()
        if association_id := self.optional("AssociationId"):
            address = addresses.by_association(self.backend, association_id)
        else:
            address = self._address()
        addresses.disassociate(self.backend, address)
        return EmptyResult()

    def release_address(self) -> ActionResult:
        """ReleaseAddress."""
        self.error_on_dryrun()
        addresses.release(self.backend, self._address())
        return EmptyResult()
