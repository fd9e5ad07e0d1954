"""Sessions by AssumeRole: who gets one, what it may do, and when it ends. Over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from moto.core.utils import utcnow
from werkzeug.test import Client

from build.errors import UserError
from localcloud.faults import client as control
from tests.localcloud.iam.callers import (
    ACCOUNT,
    TRUSTS_ACCOUNT,
    Connect,
    Keys,
    allow,
    assume,
    give,
    make_role,
    refused,
    trust,
)


def test_a_trusted_account_gives_its_users_the_right_themselves(connect: Connect, ada: Keys) -> None:
    arn = make_role(connect, "builder", TRUSTS_ACCOUNT, Path="/teams/")
    assert arn.endswith(":role/teams/builder")
    with refused("AccessDenied", f"sts:AssumeRole on resource: {arn} because no identity-based policy"):
        assume(connect, arn, ada)
    give(connect, "sts:AssumeRole", resource=f"arn:aws:iam::{ACCOUNT}:role/teams/*")
    keys = assume(connect, arn, ada)
    connect("ec2", keys).describe_instances()
    told = (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/builder/work is not authorized to perform: iam:ListRoles"
    )
    with refused("AccessDenied", told):
        connect("iam", keys).list_roles()


@pytest.mark.parametrize(
    ("principal", "may"),
    [
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:user/staff/ada"}, True),
        ("*", True),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:user/bob"}, False),
        ({"Service": "ec2.amazonaws.com"}, False),
    ],
)
def test_a_user_whom_a_role_names_needs_no_policy(
    connect: Connect, ada: Keys, principal: Any, may: bool
) -> None:
    arn = make_role(connect, "builder", principal)
    if may:
        connect("ec2", assume(connect, arn, ada)).describe_instances()
        give(connect, "sts:*", effect="Deny")
    else:
        give(connect, "*")
    with refused("AccessDenied", f"sts:AssumeRole on resource: {arn}"):
        assume(connect, arn, ada)


def test_a_trust_policy_may_ask_for_an_external_id(connect: Connect, ada: Keys) -> None:
    arn = make_role(connect, "builder", TRUSTS_ACCOUNT)
    asks = trust({"AWS": "*"}, Condition={"StringEquals": {"sts:ExternalId": "secret"}})
    connect("iam").update_assume_role_policy(RoleName="builder", PolicyDocument=asks)
    with refused("AccessDenied"):
        assume(connect, arn, ada)
    assume(connect, arn, ada, ExternalId="secret")


def test_a_session_policy_and_a_boundary_narrow_a_session(connect: Connect) -> None:
    arn = make_role(connect, "builder", TRUSTS_ACCOUNT)
    keys = assume(connect, arn, Policy=allow("ec2:DescribeImages", "iam:ListRoles"))
    connect("ec2", keys).describe_images()
    with refused("UnauthorizedOperation", "because no session policy allows the ec2:DescribeVolumes action"):
        connect("ec2", keys).describe_volumes()
    with refused("AccessDenied", "because no identity-based policy allows the iam:ListRoles action"):
        connect("iam", keys).list_roles()
    boundary = connect("iam").create_policy(PolicyName="b", PolicyDocument=allow("ssm:*"))["Policy"]["Arn"]
    connect("iam").put_role_permissions_boundary(RoleName="builder", PermissionsBoundary=boundary)
    with refused("UnauthorizedOperation", "because no permissions boundary allows"):
        connect("ec2", keys).describe_images()


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        ({"DurationSeconds": 899}, "ValidationError", "greater than or equal to 900"),
        ({"DurationSeconds": 43201}, "ValidationError", "less than or equal to 43200"),
        ({"DurationSeconds": 7201}, "ValidationError", "exceeds the MaxSessionDuration set for this role"),
        ({"Policy": "{"}, "MalformedPolicyDocument", ""),
        ({"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/x"}]}, "UnsupportedOperation", "PolicyArns"),
    ],
)
def test_what_sts_refuses_of_whoever_asks(connect: Connect, asked: Any, code: str, words: str) -> None:
    arn = make_role(connect, "builder", TRUSTS_ACCOUNT, MaxSessionDuration=7200)
    with refused(code, words):
        assume(connect, arn, **asked)
    assume(connect, arn, DurationSeconds=7200)


def test_a_role_that_is_not_there_is_not_assumed(connect: Connect) -> None:
    make_role(connect, "builder", TRUSTS_ACCOUNT, Path="/teams/")
    for arn in (f"arn:aws:iam::{ACCOUNT}:role/none", f"arn:aws:iam::{ACCOUNT}:role/builder"):
        with refused("AccessDenied", f"not authorized to perform: sts:AssumeRole on resource: {arn}"):
            assume(connect, arn)


def test_a_session_that_assumes_a_role_gets_an_hour_at_most(connect: Connect) -> None:
    first = make_role(connect, "first", TRUSTS_ACCOUNT, "sts:AssumeRole")
    second = make_role(connect, "second", {"AWS": first}, MaxSessionDuration=7200)
    keys = assume(connect, first)
    with refused("ValidationError", "role chaining"):
        assume(connect, second, keys, DurationSeconds=3601)
    connect("ec2", assume(connect, second, keys, DurationSeconds=3600)).describe_instances()


def test_a_role_that_another_one_names_is_bounded_by_the_policy_of_the_session(connect: Connect) -> None:
    first = make_role(connect, "first", TRUSTS_ACCOUNT)
    second = make_role(connect, "second", {"AWS": first})
    with refused("AccessDenied", "because no session policy allows the sts:AssumeRole action"):
        assume(connect, second, assume(connect, first, Policy=allow("ec2:*")))
    assume(connect, second, assume(connect, first))


def test_a_session_ends_when_its_time_is_over(connect: Connect) -> None:
    arn = make_role(connect, "builder", TRUSTS_ACCOUNT, "*")
    keys = assume(connect, arn, DurationSeconds=900)
    for seconds, is_over in ((800, False), (901, True)):
        with patch("localcloud.iam.callers.utcnow", lambda at=seconds: utcnow() + timedelta(seconds=at)):
            if not is_over:
                connect("ec2", keys).describe_instances()
                continue
            with refused("RequestExpired", "Request has expired.", 400):
                connect("ec2", keys).describe_instances()
            with refused("ExpiredToken", "The security token included in the request is expired", 403):
                connect("sts", keys).get_caller_identity()
            with refused("ExpiredToken"):
                connect("route53", keys).list_hosted_zones()
            with refused("ExpiredTokenException", status=400):
                connect("ssm", keys).get_parameter(Name="/x")


@pytest.mark.parametrize("which", ["all", "builder", "key"])
def test_sessions_can_be_ended_on_request(connect: Connect, which: str) -> None:
    arn = make_role(connect, "builder", TRUSTS_ACCOUNT)
    keys, url = assume(connect, arn), connect("sts").meta.endpoint_url
    asked = keys["AccessKeyId"] if which == "key" else which
    with pytest.raises(UserError, match="no session to end"):
        control.expire(url, "other")
    connect("ec2", keys).describe_instances()
    ended = control.expire(url, asked)
    assert ended == [f"arn:aws:sts::{ACCOUNT}:assumed-role/builder/work"]
    with refused("RequestExpired"):
        connect("ec2", keys).describe_instances()
    with pytest.raises(UserError, match="no session to end"):
        control.expire(url, asked)
    connect("ec2", assume(connect, arn)).describe_instances()


def test_a_request_that_names_no_sessions_is_refused(client: Client) -> None:
    answer = client.post("/hubsmith/sessions", json={"expire": ""})
    assert (answer.status_code, (answer.json or {})["error"]) == (
        400,
        "which sessions? expire is all, a role or an access key",
    )
