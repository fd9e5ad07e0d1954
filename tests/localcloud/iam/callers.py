"""Callers for the tests: users and sessions, with clients of boto3 for them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

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


@contextmanager
def refused(code: str, words: str = "", status: int | None = None) -> Iterator[None]:
    with pytest.raises(ClientError) as caught:
        yield
    answer = caught.value.response
    assert answer["Error"]["Code"] == code
    assert words in answer["Error"]["Message"]
    assert status in (None, answer["ResponseMetadata"]["HTTPStatusCode"])


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
