"""The security group of a build: ports 22, 80 and 443, open to the caller alone."""

from __future__ import annotations

from build.aws import eventual, security_groups, tags
from build.bake.state import Bake, BuilderNetwork
from build.errors import UserError
from build.pipeline import Step
from build.remote.public_ip import caller_cidrs

SSH, HTTP, HTTPS = 22, 80, 443


class CreateSecurityGroup(Step[Bake]):
    """Find the VPC, ask who is calling, and make a security group for ssh (and, for the candidate, the hub).

    Produces: network.
    """

    title = "open a security group to the caller"
    kept_on_failure = True

    def run(self, state: Bake) -> None:
        """Raises UserError when there is no VPC to use or the caller's address is unknown."""
        vpc_id, cidrs = find_vpc(state), caller_cidrs(state.manifest.builder)
        with eventual.creating():
            group_id = state.clients.ec2.create_security_group(
                GroupName=f"hubsmith-{state.run.id}",
                Description="hubsmith: temporary, of one build",
                VpcId=vpc_id,
                TagSpecifications=tags.specifications(state.run.tags, "security-group"),
            )["GroupId"]
        eventual.retried(
            lambda: state.clients.ec2.authorize_security_group_ingress(
                GroupId=group_id,
                IpPermissions=[
                    {
                        "IpProtocol": "tcp",
                        "FromPort": port,
                        "ToPort": port,
                        "IpRanges": [{"CidrIp": cidr, "Description": "the caller"} for cidr in cidrs],
                    }
                    for port in (SSH, HTTP, HTTPS)
                ],
            ),
            what=group_id,
            on_wait=state.report.waiting,
        )
        state.network = BuilderNetwork(vpc_id, cidrs, group_id)

    def cleanup(self, state: Bake) -> None:
        """Delete the group; EC2 lets go of it only a while after its last instance is gone."""
        for group_id in self._groups(state):
            security_groups.delete_when_free(state.clients.ec2, group_id, state.report.waiting)

    def _groups(self, state: Bake) -> list[str]:
        # By tag: an interrupt may have come between the call and its answer.
        eventual.settle(state.report.waiting)
        found = state.clients.ec2.describe_security_groups(Filters=tags.having(tags.RUN, state.run.id))[
            "SecurityGroups"
        ]
        return [group["GroupId"] for group in found]


def find_vpc(state: Bake) -> str:
    """``builder.vpc_id``, else the subnet's VPC, else the default one."""
    builder = state.manifest.builder
    if builder.vpc_id:
        return builder.vpc_id
    if builder.subnets:
        return state.clients.ec2.describe_subnets(SubnetIds=[builder.subnets[0]])["Subnets"][0]["VpcId"]
    vpcs = state.clients.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    if not vpcs:
        raise UserError(
            f"{state.clients.cloud.region} has no default VPC",
            hint="set builder.subnet_ids",
            where=str(state.manifest.path),
        )
    return vpcs[0]["VpcId"]
