"""Permissions boundaries and PassRole, over HTTP: IAM's errors, condition keys, intersected rights."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from moto.iam.models import iam_backends
from moto.sts.models import AssumedRole
from werkzeug.test import Client

from localcloud.iam import sessions

ACCOUNT = "123456789012"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/hub"
OF_HUBS = f"arn:aws:iam::{ACCOUNT}:role/hubsmith/*"
VERSIONS = {"iam": "2010-05-08", "ec2": "2016-11-15"}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in statements]}
    )


LAUNCHER = policy(
    {
        "Action": ["iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"],
        "Resource": OF_HUBS,
        "Condition": {"ArnEquals": {"iam:PermissionsBoundary": BOUNDARY}},
    },
    {
        "Action": "iam:PassRole",
        "Resource": OF_HUBS,
        "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
    },
    {"Action": "iam:*InstanceProfile", "Resource": "*"},
    {"Action": "ec2:*", "Resource": "*"},
)


@pytest.fixture
def boundary(client: Client) -> str:
    narrow = policy({"Action": "ssm:GetParameter", "Resource": "*"})
    return str(iam_backends[ACCOUNT]["aws"].create_policy("", "/", narrow, "hub", []).arn)


@pytest.fixture
def launcher(client: Client) -> AssumedRole:
    role = iam_backends[ACCOUNT]["aws"].create_role("launcher", "{}", "/", None, "", [], "3600")
    role.policies["launch"] = LAUNCHER
    return sessions.credentials(ACCOUNT, "us-east-1", role, "i-1")[0]


def ask(
    client: Client, action: str, who: AssumedRole | None = None, service: str = "iam", **parameters: str
) -> str:
    """The answer: "CODE: message" of an error, else the whole text."""
    key, token = (who.access_key_id, who.session_token) if who else ("AKIAOWNER", "")
    scope = (
        f"AWS4-HMAC-SHA256 Credential={key}/20261123/us-east-1/{service}/aws4_request, SignedHeaders=host, "
        "Signature=0"
    )
    headers = {"Authorization": scope, "X-Amz-Security-Token": token, "Host": f"{service}.amazonaws.com"}
    text = client.post(
        "/", data={"Action": action, "Version": VERSIONS[service], **parameters}, headers=headers
    ).get_data(as_text=True)
    found = re.search(r"<Code>(.*?)</Code>\s*<Message>(.*?)</Message>", text, re.DOTALL)
    return f"{found[1]}: {found[2]}" if found else text


def create(client: Client, name: str = "hub", who: AssumedRole | None = None, **more: str) -> str:
    return ask(
        client,
        "CreateRole",
        who,
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps(TRUST),
        Path="/hubsmith/",
        **more,
    )


def test_a_role_shows_its_boundary_which_comes_changes_and_goes(client: Client, boundary: str) -> None:
    assert "<PermissionsBoundaryArn>" + boundary in create(client, PermissionsBoundary=boundary)
    assert boundary in ask(client, "GetRole", RoleName="hub")
    assert boundary not in ask(client, "ListRoles")
    ask(client, "DeleteRolePermissionsBoundary", RoleName="hub")
    assert boundary not in ask(client, "GetRole", RoleName="hub")
    ask(client, "PutRolePermissionsBoundary", RoleName="hub", PermissionsBoundary=boundary)
    assert boundary in ask(client, "GetRole", RoleName="hub")


@pytest.mark.parametrize(
    ("arn", "told"),
    [
        (BOUNDARY, f"NoSuchEntity: Scope ARN: {BOUNDARY} does not exist or is not attachable."),
        (
            "arn:aws:iam::123456789012:role/hub",
            "InvalidInput: ARN arn:aws:iam::123456789012:role/hub is not valid.",
        ),
    ],
)
def test_a_boundary_that_is_no_policy_is_refused_and_nothing_is_made(
    client: Client, arn: str, told: str
) -> None:
    assert create(client, PermissionsBoundary=arn) == told
    assert ask(client, "GetRole", RoleName="hub").startswith("NoSuchEntity")
    create(client)
    assert ask(client, "PutRolePermissionsBoundary", RoleName="hub", PermissionsBoundary=arn) == told


def test_a_policy_that_is_in_use_or_has_versions_is_not_deleted(client: Client, boundary: str) -> None:
    create(client, PermissionsBoundary=boundary)
    assert (
        ask(client, "DeletePolicy", PolicyArn=boundary)
        == "DeleteConflict: Cannot delete a policy attached to entities."
    )
    ask(client, "DeleteRole", RoleName="hub")
    wider = policy({"Action": "ssm:*", "Resource": "*"})
    ask(client, "CreatePolicyVersion", PolicyArn=boundary, PolicyDocument=wider, SetAsDefault="true")
    assert ask(client, "DeletePolicy", PolicyArn=boundary).startswith(
        "DeleteConflict: This policy has more than one version."
    )
    ask(client, "DeletePolicyVersion", PolicyArn=boundary, VersionId="v1")
    assert "DeletePolicyResponse" in ask(client, "DeletePolicy", PolicyArn=boundary)
    assert ask(client, "GetPolicy", PolicyArn=boundary).startswith("NoSuchEntity")


def test_a_role_may_what_both_its_policy_and_its_boundary_allow(client: Client, boundary: str) -> None:
    role = iam_backends[ACCOUNT]["aws"].create_role("hub", "{}", "/", boundary, "", [], "3600")
    role.policies["all"] = policy({"Action": "iam:*", "Resource": "*"})
    issued, _ = sessions.credentials(ACCOUNT, "us-east-1", role, "i-1")
    refused = ask(client, "ListRoles", issued)
    assert refused.endswith(
        "iam:ListRoles on resource: * because no permissions boundary allows the iam:ListRoles action"
    )
    ask(client, "DeleteRolePermissionsBoundary", RoleName="hub")
    assert "ListRolesResponse" in ask(client, "ListRoles", issued)


def test_who_may_make_roles_within_a_boundary_only_makes_them_so(
    client: Client, boundary: str, launcher: AssumedRole
) -> None:
    other = iam_backends[ACCOUNT]["aws"].create_policy("", "/", LAUNCHER, "other", []).arn
    rights = {"RoleName": "hub", "PolicyName": "hub", "PolicyDocument": LAUNCHER}
    for boundaries in ({}, {"PermissionsBoundary": other}):
        assert create(client, "hub", launcher, **boundaries).startswith("AccessDenied: ")
    assert "role/hubsmith/hub" in create(client, "hub", launcher, PermissionsBoundary=boundary)
    assert "PutRolePolicyResponse" in ask(client, "PutRolePolicy", launcher, **rights)
    assert ask(client, "DeleteRolePermissionsBoundary", launcher, RoleName="hub").startswith("AccessDenied: ")
    ask(client, "DeleteRolePermissionsBoundary", RoleName="hub")
    assert ask(client, "PutRolePolicy", launcher, **rights).startswith("AccessDenied: ")
    assert ask(
        client, "PutRolePermissionsBoundary", launcher, RoleName="hub", PermissionsBoundary=other
    ).startswith("AccessDenied: ")


def test_roles_elsewhere_are_not_touched(client: Client, boundary: str, launcher: AssumedRole) -> None:
    """By its path: the request names a role by its name alone."""
    iam_backends[ACCOUNT]["aws"].create_role("admin", "{}", "/", boundary, "", [], "3600")
    refused = ask(
        client, "PutRolePolicy", launcher, RoleName="admin", PolicyName="hub", PolicyDocument=LAUNCHER
    )
    assert f"iam:PutRolePolicy on resource: arn:aws:iam::{ACCOUNT}:role/admin because" in refused


@pytest.mark.parametrize("service", ["ec2", "iam"])
def test_a_role_is_passed_only_by_who_may(client: Client, launcher: AssumedRole, service: str) -> None:
    backend = iam_backends[ACCOUNT]["aws"]
    for name, path in (("hub", "/hubsmith/"), ("admin", "/")):
        backend.create_role(name, "{}", path, None, "", [], "3600")
        backend.create_instance_profile(name, "/hubsmith/", [])
    if service == "iam":
        asked = [
            ask(client, "AddRoleToInstanceProfile", launcher, InstanceProfileName=name, RoleName=name)
            for name in ("hub", "admin")
        ]
    else:
        for name in ("hub", "admin"):
            backend.add_role_to_instance_profile(name, name)
        given = {"ImageId": "ami-00000000", "MinCount": "1", "MaxCount": "1"}
        names = [{"IamInstanceProfile.Name": name} for name in ("hub", "admin")]
        asked = [ask(client, "RunInstances", launcher, "ec2", **given, **one) for one in names]
    assert "iam:PassRole" not in asked[0]
    assert (
        f"is not authorized to perform: iam:PassRole on resource: arn:aws:iam::{ACCOUNT}:role/admin"
        in asked[1]
    )
