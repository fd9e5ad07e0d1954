"""Users of IAM and sessions by AssumeRole: judged as AWS judges them, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.core.utils import utcnow
from werkzeug.serving import make_server
from werkzeug.test import Client

from build.errors import UserError
from localcloud.faults import client as control
from localcloud.server.wsgi import QuietHandler
from tests.http_server import answering

ACCOUNT = "123456789012"
Keys = Mapping[str, str]
Connect = Callable[..., Any]
OWNER: Keys = {"AccessKeyId": "test", "SecretAccessKey": "test"}
TRUSTS_ACCOUNT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}


def allow(*actions: str, resource: str = "*", effect: str = "Allow", **more: Any) -> str:
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": effect, "Action": list(actions), "Resource": resource, **more}],
        }
    )


def trust(principal: Any, **more: Any) -> str:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def connect(client: Client) -> Iterator[Connect]:
    """boto3's clients of the cloud, with these keys."""
    server = make_server("127.0.0.1", 0, client.application, threaded=True, request_handler=QuietHandler)
    session: Any = boto3.Session()  # whose stubs want the service as a literal
    with answering(server):

        def make(service: str, keys: Keys = OWNER) -> Any:
            return session.client(
                service,
                region_name="us-east-1",
                endpoint_url=f"http://127.0.0.1:{server.port}",
                aws_access_key_id=keys["AccessKeyId"],
                aws_secret_access_key=keys["SecretAccessKey"],
                aws_session_token=keys.get("SessionToken"),
                config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
            )

        yield make


@contextmanager
def refused(code: str, words: str = "", status: int | None = None) -> Iterator[None]:
    with pytest.raises(ClientError) as caught:
        yield
    answer = caught.value.response
    assert answer["Error"]["Code"] == code
    assert words in answer["Error"]["Message"]
    assert status in (None, answer["ResponseMetadata"]["HTTPStatusCode"])


@pytest.fixture
def ada(connect: Connect) -> Keys:
    """A user without any right."""
    iam = connect("iam")
    iam.create_user(UserName="ada", Path="/staff/")
    found: Keys = iam.create_access_key(UserName="ada")["AccessKey"]
    return found


def give(connect: Connect, *actions: str, **more: Any) -> None:
    """Give the user this right and no other."""
    connect("iam").put_user_policy(UserName="ada", PolicyName="own", PolicyDocument=allow(*actions, **more))


def make_role(connect: Connect, name: str, principal: Any, *actions: str, **more: Any) -> str:
    iam = connect("iam")
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(principal), **more)
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=allow(*(actions or ("ec2:*",))))
    return str(made["Role"]["Arn"])


def assume(connect: Connect, arn: str, keys: Keys = OWNER, **more: Any) -> Keys:
    given = connect("sts", keys).assume_role(RoleArn=arn, RoleSessionName="work", **more)
    found: Keys = given["Credentials"]
    return found


def test_a_user_may_do_nothing_without_a_policy_but_say_who_it_is(connect: Connect, ada: Keys) -> None:
    told = (
        "You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/staff/ada "
        "is not authorized to perform: ec2:DescribeInstances on resource: * because no identity-based "
        "policy allows the ec2:DescribeInstances action"
    )
    with refused("UnauthorizedOperation", told, 403):
        connect("ec2", ada).describe_instances()
    with refused("AccessDenied", "ada is not authorized to perform: iam:ListRoles", 403):
        connect("iam", ada).list_roles()
    with refused("AccessDeniedException", "ada is not authorized to perform: ssm:GetParameter", 400):
        connect("ssm", ada).get_parameter(Name="/x")
    with refused("AccessDeniedException", "kms:ListKeys", 400):
        connect("kms", ada).list_keys()
    with refused("AccessDeniedException", "scheduler:GetSchedule"):
        connect("scheduler", ada).get_schedule(Name="x")
    assert connect("sts", ada).get_caller_identity()["Arn"].endswith(":user/staff/ada")
    assert connect("ec2").describe_instances()["Reservations"] == []


def test_a_users_rights_are_inline_attached_and_of_groups(connect: Connect, ada: Keys) -> None:
    iam, ec2 = connect("iam"), connect("ec2", ada)
    give(connect, "ec2:DescribeInstances")
    ec2.describe_instances()
    policy = iam.create_policy(PolicyName="volumes", PolicyDocument=allow("ec2:DescribeVolumes"))["Policy"]
    iam.attach_user_policy(UserName="ada", PolicyArn=policy["Arn"])
    ec2.describe_volumes()
    iam.create_group(GroupName="staff")
    iam.put_group_policy(GroupName="staff", PolicyName="own", PolicyDocument=allow("ec2:DescribeImages"))
    with refused("UnauthorizedOperation"):
        ec2.describe_images()
    iam.add_user_to_group(UserName="ada", GroupName="staff")
    ec2.describe_images()
    denying = allow("ec2:DescribeVolumes", effect="Deny")
    iam.put_group_policy(GroupName="staff", PolicyName="not", PolicyDocument=denying)
    with refused("UnauthorizedOperation", "with an explicit deny in an identity-based policy"):
        ec2.describe_volumes()


def test_what_says_who_calls_can_be_a_condition_or_a_variable(connect: Connect, ada: Keys) -> None:
    mine = f"arn:aws:ssm:*:{ACCOUNT}:parameter/${{aws:username}}/*"
    of_users = {"StringEquals": {"aws:PrincipalType": "User", "aws:RequestedRegion": "us-east-1"}}
    give(connect, "ssm:GetParameter", resource=mine, Condition=of_users)
    with refused("ParameterNotFound"):
        connect("ssm", ada).get_parameter(Name="/ada/x")
    with refused("AccessDeniedException"):
        connect("ssm", ada).get_parameter(Name="/bob/x")
    give(connect, "ec2:DescribeVolumes", Condition={"StringEquals": {"ec2:Region": "eu-west-1"}})
    with refused("UnauthorizedOperation"):
        connect("ec2", ada).describe_volumes()


def test_a_call_that_names_an_alias_is_judged_by_its_key(connect: Connect, ada: Keys) -> None:
    owner, mine = connect("kms"), connect("kms", ada)
    key, other = (owner.create_key()["KeyMetadata"] for _ in range(2))
    owner.create_alias(AliasName="alias/hubs", TargetKeyId=key["KeyId"])
    give(connect, "kms:DescribeKey", resource=key["Arn"])
    alias = key["Arn"].replace(f"key/{key['KeyId']}", "alias/hubs")
    for name in (key["KeyId"], key["Arn"], "alias/hubs", alias):
        assert mine.describe_key(KeyId=name)["KeyMetadata"]["Arn"] == key["Arn"]
    with refused("AccessDeniedException", f"kms:DescribeKey on resource: {other['Arn']}"):
        mine.describe_key(KeyId=other["KeyId"])
    give(connect, "kms:DescribeKey", resource=alias)
    with refused("AccessDeniedException", f"kms:DescribeKey on resource: {key['Arn']}"):
        mine.describe_key(KeyId="alias/hubs")
    has_alias = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/hubs"}}
    give(connect, "kms:DescribeKey", resource=other["Arn"].replace(other["KeyId"], "*"), Condition=has_alias)
    mine.describe_key(KeyId=key["KeyId"])
    with refused("AccessDeniedException"):
        mine.describe_key(KeyId=other["KeyId"])


def test_keys_that_are_disabled_deleted_or_unknown_are_nobodys(connect: Connect, ada: Keys) -> None:
    iam, key = connect("iam"), ada["AccessKeyId"]
    give(connect, "*")
    iam.update_access_key(UserName="ada", AccessKeyId=key, Status="Inactive")
    with refused("AuthFailure", "AWS was not able to validate the provided access credentials", 401):
        connect("ec2", ada).describe_instances()
    iam.update_access_key(UserName="ada", AccessKeyId=key, Status="Active")
    connect("ec2", ada).describe_instances()
    iam.delete_access_key(UserName="ada", AccessKeyId=key)
    with refused("InvalidClientTokenId", status=403):
        connect("sts", ada).get_caller_identity()
    with refused("UnrecognizedClientException", status=400):
        connect("ssm", ada).get_parameter(Name="/x")


def test_the_record_names_the_user(connect: Connect, client: Client, ada: Keys) -> None:
    with refused("UnauthorizedOperation"):
        connect("ec2", ada).describe_instances()
    (record,) = client.get("/hubsmith/calls?user=ada").json or [{}]
    assert (record["user"], record["role"], record["action"]) == ("ada", "", "ec2:DescribeInstances")
    assert client.get("/hubsmith/calls?user=bob").json == []


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


def test_users_and_their_boundaries_that_are_not_kept_are_refused(connect: Connect) -> None:
    with refused("UnsupportedOperation"):
        connect("iam").create_user(UserName="bob", PermissionsBoundary="arn:aws:iam::123456789012:policy/hub")
    with refused("UnsupportedOperation"):
        connect("sts").get_session_token()


@pytest.mark.parametrize("which", ["all", "builder", "key"])
def test_sessions_can_be_ended_on_request(connect: Connect, which: str) -> None:
    arn = make_role(connect, "builder", TRUSTS_ACCOUNT)
    keys, url = assume(connect, arn), connect("sts").meta.endpoint_url
    asked = keys["AccessKeyId"] if which == "key" else which
    with pytest.raises(UserError, match="no session that is not over"):
        control.expire(url, "other")
    connect("ec2", keys).describe_instances()
    ended = control.expire(url, asked)
    assert ended == [f"arn:aws:sts::{ACCOUNT}:assumed-role/builder/work"]
    with refused("RequestExpired"):
        connect("ec2", keys).describe_instances()
    with pytest.raises(UserError, match="no session that is not over"):
        control.expire(url, asked)
    connect("ec2", assume(connect, arn)).describe_instances()


def test_a_request_that_names_no_sessions_is_refused(client: Client) -> None:
    answer = client.post("/hubsmith/sessions", json={"expire": ""})
    assert (answer.status_code, (answer.json or {})["error"]) == (
        400,
        "which sessions? expire is all, a role or an access key",
    )
