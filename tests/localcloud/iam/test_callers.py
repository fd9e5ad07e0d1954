"""Users of IAM: judged as AWS judges them, over HTTP."""

from __future__ import annotations

from werkzeug.test import Client

from tests.localcloud.iam.callers import ACCOUNT, Connect, Keys, allow, give, refused


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


def test_users_and_their_boundaries_that_are_not_kept_are_refused(connect: Connect) -> None:
    with refused("UnsupportedOperation"):
        connect("iam").create_user(UserName="bob", PermissionsBoundary="arn:aws:iam::123456789012:policy/hub")
    with refused("UnsupportedOperation"):
        connect("sts").get_session_token()
