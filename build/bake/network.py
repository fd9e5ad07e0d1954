"""One security group, open to the caller alone."""

from __future__ import annotations

import ipaddress

import requests
from botocore.exceptions import ClientError

from build.aws import tags
from build.aws.refusals import code_of
from build.aws.wait import wait_until
from build.bake.state import Bake, Network
from build.errors import HubsmithError, UserError
from build.pipeline import Step

SSH, HTTP, HTTPS = 22, 80, 443


class OpenNetwork(Step[Bake]):
    """Find the VPC, ask who is calling, and make a security group for ssh (and, for the candidate, the hub).

    Produces: network.
    """

    title = "open a security group to the caller"
    kept_on_failure = True

    def __init__(self) -> None:
        self._group_id: str | None = None

    def run(self, state: Bake) -> None:
        """Raises UserError when there is no VPC to use or the caller's address is unknown."""
        vpc_id, cidr = find_vpc(state), caller_cidr(state)
        group = state.clients.ec2.create_security_group(
            GroupName=f"hubsmith-{state.run.id}",
            Description="hubsmith: temporary, of one build",
            VpcId=vpc_id,
            TagSpecifications=tags.specifications(state.run.tags, "security-group"),
        )
        self._group_id = group["GroupId"]
        state.clients.ec2.authorize_security_group_ingress(
            GroupId=self._group_id,
            IpPermissions=[
                {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": cidr, "Description": "the caller"}]}
                for port in (SSH, HTTP, HTTPS)
            ],
        )
        state.network = Network(vpc_id, state.manifest.builder.subnet_id, cidr, self._group_id)

    def cleanup(self, state: Bake) -> None:
        """Delete the group; EC2 lets go of it only a while after its last instance is gone."""
        for group_id in self._groups(state):
            wait_until(
                lambda group_id=group_id: _delete(state, group_id),  # type: ignore[misc]  # a default binds the loop's value
                lambda gone: gone,
                what=f"security group {group_id}",
                describe=lambda _: "still in use",
                timeout_s=120,
                on_wait=state.report.waiting,
            )

    def _groups(self, state: Bake) -> list[str]:
        # By tag as well: an interrupt may have come between the call and its answer.
        found = state.clients.ec2.describe_security_groups(Filters=tags.having(tags.RUN, state.run.id))["SecurityGroups"]
        return [group["GroupId"] for group in found]


def find_vpc(state: Bake) -> str:
    """``builder.vpc_id``, else the subnet's VPC, else the default one."""
    builder = state.manifest.builder
    if builder.vpc_id:
        return builder.vpc_id
    if builder.subnet_id:
        return state.clients.ec2.describe_subnets(SubnetIds=[builder.subnet_id])["Subnets"][0]["VpcId"]
    vpcs = state.clients.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    if not vpcs:
        raise UserError(
            f"{state.clients.cloud.region} has no default VPC",
            hint="set builder.vpc_id and builder.subnet_id",
            where=str(state.manifest.path),
        )
    return vpcs[0]["VpcId"]


def caller_cidr(state: Bake) -> str:
    """``builder.caller_cidr``, else this machine's address as ``builder.caller_ip_url`` sees it, as a /32."""
    builder = state.manifest.builder
    if builder.caller_cidr:
        return str(builder.caller_cidr)
    try:
        answer = requests.get(str(builder.caller_ip_url), timeout=10)
        answer.raise_for_status()
        return f"{ipaddress.IPv4Address(answer.text.strip())}/32"
    except (requests.RequestException, ValueError) as exc:
        raise HubsmithError(
            f"{builder.caller_ip_url} did not tell this machine's address: {exc}",
            hint="set builder.caller_cidr, for example 203.0.113.7/32",
        ) from exc


def _delete(state: Bake, group_id: str) -> bool:
    try:
        state.clients.ec2.delete_security_group(GroupId=group_id)
    except ClientError as exc:
        if code_of(exc) == "DependencyViolation":
            return False
        if code_of(exc) != "InvalidGroup.NotFound":
            raise
    return True
