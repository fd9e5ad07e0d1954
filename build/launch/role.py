"""What the hub's instance may do: prove to the ACME server whose the name is, use its own parameters."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from build import image_contract
from build.aws import eventual
from build.aws.errors import code_of
from build.aws.regions import partition_of
from build.errors import UserError
from build.hubs.models import Zone
from build.launch.state import LaunchState
from build.pipeline import Step

if TYPE_CHECKING:
    from build.aws.session import Clients
    from build.hubs.hub import Hub

T = TypeVar("T")

PATH = "/hubsmith/"
_POLICY = "hub"
# In every partition: https://github.com/aws/aws-cli/pull/8709, https://github.com/aws/aws-cdk/pull/22589
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


class EnsureRole(Step[LaunchState]):
    """The role, its boundary, its policy and the instance profile that carries it; what differs is put right.

    Needs: zone. Produces: profile.
    """

    title = "find or make the instance's role"

    def run(self, state: LaunchState) -> None:
        """Each of the calls may have been made by an earlier launch.

        With ``launch.instance_profile`` nothing is made. Raises UserError for a boundary or profile that is
        not there.
        """
        iam, name = state.clients.iam, state.hub.name
        if given := state.options.defaults.instance_profile:
            _check_given(state, given)
            state.profile = given
            return
        role_tags = [{"Key": key, "Value": value} for key, value in state.tags.items()]
        # The boundary first: without it the launch may have no right to give the role any.
        self._have_role(state, name, role_tags)
        self._put_policy(state, name)
        if not _exists(lambda: iam.get_instance_profile(InstanceProfileName=name)):
            with eventual.creating():
                iam.create_instance_profile(InstanceProfileName=name, Path=PATH, Tags=role_tags)  # type: ignore[arg-type]
        profile = _retried(state, lambda: iam.get_instance_profile(InstanceProfileName=name))
        if not profile["InstanceProfile"]["Roles"]:
            _retried(state, lambda: iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name))
        state.profile = name

    def _have_role(self, state: LaunchState, name: str, role_tags: list[dict[str, str]]) -> None:
        iam, boundary = state.clients.iam, state.options.defaults.permissions_boundary
        if not _exists(lambda: iam.get_role(RoleName=name)):
            request: dict[str, Any] = {"PermissionsBoundary": boundary} if boundary else {}
            request |= {"Description": f"hubsmith: the instance of {state.hub.domain}", "Tags": role_tags}
            with eventual.creating():
                _bounded(
                    state,
                    lambda: iam.create_role(
                        RoleName=name, Path=PATH, AssumeRolePolicyDocument=json.dumps(_TRUST), **request
                    ),
                )
            state.record_change(f"created the role {name}")
            return
        current = (
            iam.get_role(RoleName=name)["Role"].get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
        )
        if boundary and current != boundary:  # null says nothing: an administrator may have given it one
            _bounded(
                state, lambda: iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=boundary)
            )
            state.record_change(f"corrected the permissions boundary of {name}")

    def _put_policy(self, state: LaunchState, name: str) -> None:
        iam, wanted = state.clients.iam, policy(state.hub, state.clients, state.zone)
        current: Any = None
        try:
            current = iam.get_role_policy(RoleName=name, PolicyName=_POLICY)["PolicyDocument"]
        except ClientError as exc:
            if code_of(exc) != "NoSuchEntity":
                raise
        if (json.loads(current) if isinstance(current, str) else current) != wanted:
            document = json.dumps(wanted)
            _retried(
                state,
                lambda: iam.put_role_policy(RoleName=name, PolicyName=_POLICY, PolicyDocument=document),
            )
            if current is not None:
                state.record_change(f"corrected the policy of {name}")


def _check_given(state: LaunchState, name: str) -> None:
    """Raise UserError where an instance could not use that profile."""
    try:
        roles = state.clients.iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"]
    except ClientError as exc:
        if code_of(exc) != "NoSuchEntity":
            raise
        complaint = "there is no such instance profile"
    else:
        if roles:
            return
        complaint = "the instance profile has no role"
    raise UserError(
        f"launch.instance_profile: {name}: {complaint}",
        where=str(state.manifest.path),
        hint="`aws iam list-instance-profiles` lists them; see docs/howto/aws.md",
    )


def _retried(state: LaunchState, call: Callable[[], T]) -> T:
    """Make a call that names role or profile: this launch, or one a moment ago, may have made them."""
    return eventual.retried(call, what=state.hub.name, on_wait=state.report.waiting)


def _bounded(state: LaunchState, call: Callable[[], object]) -> None:
    """Make a call that names the boundary."""
    try:
        call()
    except ClientError as exc:
        if (
            code_of(exc) not in ("NoSuchEntity", "InvalidInput")
            or not state.options.defaults.permissions_boundary
        ):
            raise
        raise UserError(
            f"launch.permissions_boundary: {exc.response['Error'].get('Message')}",
            where=str(state.manifest.path),
            hint="an administrator creates the policy once; see docs/howto/aws.md",
        ) from exc


def policy(hub: Hub, clients: Clients, zone: Zone | None) -> dict[str, Any]:
    """The least a hub's instance needs: DNS-01 for its one name, its own parameters.

    Without a zone no DNS at all.
    """
    region, account = clients.cloud.region, clients.account
    arn = f"arn:{partition_of(region)}"
    parameter = f"{arn}:ssm:{region}:{account}:parameter{hub.prefix}"
    # The machine deletes the first password when it has been used, or when its time has passed.
    password = ["ssm:GetParameter", "ssm:DeleteParameter"]
    statements: list[dict[str, Any]] = [
        {
            "Sid": "Password",
            "Effect": "Allow",
            "Action": password,
            "Resource": [f"{parameter}/{image_contract.ADMIN_PASSWORD}"],
        },
        {
            "Sid": "Report",
            "Effect": "Allow",
            "Action": ["ssm:PutParameter"],
            "Resource": [
                f"{parameter}/{name}" for name in (image_contract.HOST_KEYS, image_contract.BOOT_STATUS)
            ],
        },
    ]
    if zone:
        statements += _challenge(hub, f"{arn}:route53:::hostedzone/{zone.id}")
    return {"Version": "2012-10-17", "Statement": statements}


def _challenge(hub: Hub, zone_arn: str) -> list[dict[str, Any]]:
    # certbot-dns-route53 lists the zones to find the name's own; neither that call nor GetChange can be
    # narrowed.
    finding = ["route53:GetChange", "route53:ListHostedZones"]
    only = {
        "route53:ChangeResourceRecordSetsNormalizedRecordNames": [f"_acme-challenge.{hub.domain}"],
        "route53:ChangeResourceRecordSetsRecordTypes": ["TXT"],
    }
    return [
        {"Sid": "FindZone", "Effect": "Allow", "Action": finding, "Resource": ["*"]},
        {
            "Sid": "Challenge",
            "Effect": "Allow",
            "Action": ["route53:ChangeResourceRecordSets"],
            "Resource": [zone_arn],
            "Condition": {"ForAllValues:StringEquals": only},
        },
    ]


def remove(clients: Clients, hub: Hub) -> bool:
    """Remove profile, policy and role, as far as they are there; whether there was anything.

    Looks before each of them: IAM judges a call that names an absent role or profile by its name without the
    path, and docs/reference/iam/launch.json allows only to look there.
    """
    profile, role = _remove_profile(clients, hub.name), _remove_role(clients, hub.name)
    return profile or role


def _remove_profile(clients: Clients, name: str) -> bool:
    iam = clients.iam
    if not _exists(lambda: iam.get_instance_profile(InstanceProfileName=name)):
        return False
    if iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"]:
        _exists(lambda: iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=name))
    return _exists(lambda: iam.delete_instance_profile(InstanceProfileName=name))


def _remove_role(clients: Clients, name: str) -> bool:
    iam = clients.iam
    if not _exists(lambda: iam.get_role(RoleName=name)):
        return False
    _exists(lambda: iam.delete_role_policy(RoleName=name, PolicyName=_POLICY))
    return _exists(lambda: iam.delete_role(RoleName=name))


def _exists(call: Callable[[], object]) -> bool:
    try:
        call()
    except ClientError as exc:
        if code_of(exc) != "NoSuchEntity":
            raise
        return False
    return True
