"""Who calls, and whether they may: over HTTP, with moto's IAM and STS behind it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from moto.core.utils import utcnow
from moto.iam.models import iam_backends
from moto.sts.models import AssumedRole
from werkzeug.test import Client

from localcloud.iam import sessions

ACCOUNT = "123456789012"
READ = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "ssm:GetParameter",
            "Resource": f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/mine/*",
        }
    ],
}


@pytest.fixture
def role(client: Client) -> Any:
    made = iam_backends[ACCOUNT]["aws"].create_role("hub", "{}", "/", None, "", [], "3600")
    made.policies["read"] = json.dumps(READ)
    return made


@pytest.fixture
def issued(role: Any) -> AssumedRole:
    found, is_new = sessions.credentials(ACCOUNT, "us-east-1", role, "i-1")
    assert is_new
    return found


def get_parameter(
    client: Client, issued: AssumedRole, name: str = "/mine/a", token: str | None = None
) -> Any:
    """The answer to GetParameter with these credentials: an error's code, without one "ParameterNotFound", as
    there is none.
    """
    scope = (
        f"AWS4-HMAC-SHA256 Credential={issued.access_key_id}/20261123/us-east-1/ssm/aws4_request, "
        "SignedHeaders=host, Signature=0"
    )
    headers = {
        "Authorization": scope,
        "X-Amz-Target": "AmazonSSM.GetParameter",
        "X-Amz-Security-Token": token or issued.session_token,
    }
    response = client.post(
        "/", data=json.dumps({"Name": name}), headers=headers, content_type="application/x-amz-json-1.1"
    )
    return json.loads(response.get_data())["__type"]


def test_what_the_policy_allows_reaches_the_service_and_the_rest_does_not(
    client: Client, issued: AssumedRole
) -> None:
    assert get_parameter(client, issued) == "ParameterNotFound"
    assert get_parameter(client, issued, "/other") == "AccessDeniedException"


def test_the_policies_are_those_of_now(client: Client, issued: AssumedRole, role: Any) -> None:
    role.policies.clear()
    assert get_parameter(client, issued) == "AccessDeniedException"
    attached = iam_backends[ACCOUNT]["aws"].create_policy("", "/", json.dumps(READ), "managed", [])
    role.managed_policies[attached.arn] = attached
    assert get_parameter(client, issued) == "ParameterNotFound"
    narrow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]}
    role.permissions_boundary_arn = (
        iam_backends[ACCOUNT]["aws"].create_policy("", "/", json.dumps(narrow), "boundary", []).arn
    )
    assert get_parameter(client, issued) == "AccessDeniedException"


def test_a_session_may_have_a_policy_that_narrows_its_roles(client: Client, issued: AssumedRole) -> None:
    issued.policy = json.dumps({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*/b"}})
    assert get_parameter(client, issued, "/mine/b") == "ParameterNotFound"
    assert get_parameter(client, issued, "/mine/a") == "AccessDeniedException"


def test_another_token_an_expired_one_and_a_role_that_is_gone(
    client: Client, issued: AssumedRole, role: Any
) -> None:
    assert get_parameter(client, issued, token="x") == "UnrecognizedClientException"
    issued.expiration = utcnow() - timedelta(seconds=1)
    assert get_parameter(client, issued) == "ExpiredTokenException"
    iam_backends[ACCOUNT]["aws"].roles.clear()
    assert get_parameter(client, issued) == "UnrecognizedClientException"


def test_credentials_are_renewed_in_time_and_the_old_ones_go_on_until_they_expire(
    client: Client, issued: AssumedRole, role: Any
) -> None:
    assert sessions.credentials(ACCOUNT, "us-east-1", role, "i-1") == (issued, False)
    issued.expiration = utcnow() + timedelta(minutes=59)
    renewed, is_new = sessions.credentials(ACCOUNT, "us-east-1", role, "i-1")
    assert is_new
    assert renewed.access_key_id != issued.access_key_id
    assert get_parameter(client, issued) == get_parameter(client, renewed) == "ParameterNotFound"
    sessions.expire("hub")
    assert sessions.credentials(ACCOUNT, "us-east-1", role, "i-1")[1]
    # each instance has its own
    assert sessions.credentials(ACCOUNT, "us-east-1", role, "i-2")[0] is not renewed


def test_credentials_that_expired_long_ago_are_forgotten(
    client: Client, issued: AssumedRole, role: Any
) -> None:
    issued.expiration = utcnow() - timedelta(days=1)
    sessions.credentials(ACCOUNT, "us-east-1", role, "i-1")
    assert sessions.find(issued.access_key_id) is None
    assert issued.access_key_id not in iam_backends[ACCOUNT]["aws"].access_keys


def test_the_record_names_what_was_judged_and_can_be_begun_anew(client: Client, issued: AssumedRole) -> None:
    get_parameter(client, issued, "/other")
    (record,) = client.get("/hubsmith/calls?role=hub").json or [{}]
    assert (record["session"], record["action"], record["allowed"]) == ("i-1", "ssm:GetParameter", False)
    assert record["resources"] == [f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/other"]
    assert record["context"]["aws:principalarn"] == [f"arn:aws:iam::{ACCOUNT}:role/hub"]
    assert client.get("/hubsmith/calls?role=nobody").json == []
    assert client.delete("/hubsmith/calls").json == []
