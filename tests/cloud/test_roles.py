"""Roles of instances: IMDS as botocore reads it, who the credentials are, what they may, and profiles that
change while a machine runs.
"""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.credentials import InstanceMetadataProvider
from botocore.session import Session
from botocore.utils import IMDSRegionProvider, InstanceMetadataFetcher

from localcloud.ec2.host import runtime_folder
from localcloud.server import control
from tests.cloud.ec2_client import Ec2Client, refused, until
from tests.cloud.privileges import assert_least_privilege, calls_of, forget_calls

pytestmark = pytest.mark.vm

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
PREFIX = "/hubsmith/hubs/hub.example.test"
SSM = "arn:aws:ssm:us-east-1:123456789012:parameter"


def hub_policy(zone_id: str) -> dict[str, Any]:
    """A hub's, with one hosted zone and three parameters."""
    record = "route53:ChangeResourceRecordSets"
    names = {
        f"{record}NormalizedRecordNames": ["_acme-challenge.hub.example.test"],
        f"{record}RecordTypes": ["TXT"],
    }
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["route53:ListHostedZones", "route53:GetChange"], "Resource": "*"},
            {
                "Effect": "Allow",
                "Action": record,
                "Resource": f"arn:aws:route53:::hostedzone/{zone_id}",
                "Condition": {"ForAllValues:StringEquals": names},
            },
            {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": f"{SSM}{PREFIX}/admin-password"},
            {
                "Effect": "Allow",
                "Action": "ssm:PutParameter",
                "Resource": [f"{SSM}{PREFIX}/host-keys", f"{SSM}{PREFIX}/status"],
            },
        ],
    }


@contextmanager
def profile(cloud: Ec2Client, name: str, policy: dict[str, Any]) -> Iterator[str]:
    """An instance profile with a role of the same name; both are gone afterwards."""
    iam = cloud.client("iam")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(policy))
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    yield name
    iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=name)
    iam.delete_instance_profile(InstanceProfileName=name)
    iam.delete_role_policy(RoleName=name, PolicyName="all")
    iam.delete_role(RoleName=name)


@pytest.fixture(scope="module")
def zone_id(cloud: Ec2Client) -> str:
    (zone,) = cloud.client("route53").list_hosted_zones_by_name(DNSName="example.test")["HostedZones"]
    return str(zone["Id"]).rpartition("/")[2]


@pytest.fixture(scope="module")
def hub(cloud: Ec2Client, zone_id: str) -> Iterator[dict[str, Any]]:
    """A machine in the role of a hub that requires tokens."""
    with profile(cloud, "hub", hub_policy(zone_id)) as name:
        options = {"HttpTokens": "required", "HttpPutResponseHopLimit": 2, "InstanceMetadataTags": "enabled"}
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "hub"}]}]
        with cloud.instance(
            IamInstanceProfile={"Name": name}, MetadataOptions=options, TagSpecifications=tags
        ) as instance:
            yield instance


@contextmanager
def imds(cloud: Ec2Client, instance_id: str) -> Iterator[str]:
    """The instance's metadata service at a URL of this host, by the socat that serves the machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = runtime_folder(cloud.folder) / f"{instance_id}.imds"
    bridge = subprocess.Popen(
        ["socat", f"TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr", f"UNIX-CONNECT:{path}"]
    )
    try:
        until(lambda: _listens(port), 10, "the bridge")
        yield f"http://127.0.0.1:{port}/"
    finally:
        bridge.terminate()
        bridge.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def fetched(url: str) -> Any:
    """The credentials by botocore's own provider, with one try for each request; None without any."""
    return InstanceMetadataProvider(InstanceMetadataFetcher(timeout=5, num_attempts=1, base_url=url)).load()


def as_role(cloud: Ec2Client, service: str, credentials: Any) -> Any:
    key = credentials.get_frozen_credentials()
    secrets = {
        "aws_access_key_id": key.access_key,
        "aws_secret_access_key": key.secret_key,
        "aws_session_token": key.token,
    }
    config = Config(retries={"total_max_attempts": 1})
    session: Any = boto3.Session()  # whose stubs want the service as a literal
    return session.client(
        service, endpoint_url=cloud.endpoint.url, region_name="us-east-1", config=config, **secrets
    )


def test_botocore_finds_credentials_and_region_at_the_first_try_and_sts_knows_whose_they_are(
    cloud: Ec2Client, hub: dict[str, Any]
) -> None:
    with imds(cloud, hub["InstanceId"]) as url:
        credentials = fetched(url)
        again = fetched(url)
        session = Session()
        session.set_config_variable("ec2_metadata_service_endpoint", url)
        session.set_config_variable("metadata_service_num_attempts", 1)
        assert IMDSRegionProvider(session).provide() == "us-east-1"
    assert again.access_key == credentials.access_key
    assert credentials._expiry_time - datetime.now(timezone.utc) > timedelta(hours=4)
    identity = as_role(cloud, "sts", credentials).get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::123456789012:assumed-role/hub/{hub['InstanceId']}"
    assert (
        identity["UserId"]
        == f"{cloud.client('iam').get_role(RoleName='hub')['Role']['RoleId']}:{hub['InstanceId']}"
    )
    assert identity["Account"] == "123456789012"


def test_a_role_may_what_its_policy_says_and_nothing_else_and_that_is_recorded(
    cloud: Ec2Client, hub: dict[str, Any], zone_id: str
) -> None:
    forget_calls(cloud.endpoint)
    cloud.client("ssm").put_parameter(Name=f"{PREFIX}/admin-password", Value="secret", Type="SecureString")
    with imds(cloud, hub["InstanceId"]) as url:
        credentials = fetched(url)
    ssm, route53 = as_role(cloud, "ssm", credentials), as_role(cloud, "route53", credentials)
    assert (
        ssm.get_parameter(Name=f"{PREFIX}/admin-password", WithDecryption=True)["Parameter"]["Value"]
        == "secret"
    )
    ssm.put_parameter(Name=f"{PREFIX}/status", Value="{}", Type="String", Overwrite=True)
    route53.list_hosted_zones()
    made = change(route53, zone_id, "_acme-challenge.hub.example.test", "TXT", '"x"')
    route53.get_change(Id=made["ChangeInfo"]["Id"])
    assert_least_privilege(cloud.endpoint, "hub", hub_policy(zone_id))
    change(route53, zone_id, "_acme-challenge.hub.example.test", "TXT", '"x"', "DELETE")

    for name, kind, value in (
        ("_acme-challenge.hub.example.test", "A", "127.0.0.1"),
        ("hub.example.test", "TXT", '"x"'),
    ):
        with refused(
            "AccessDenied",
            "is not authorized to perform: route53:ChangeResourceRecordSets on resource: "
            "arn:aws:route53:::hostedzone/",
        ):
            change(route53, zone_id, name, kind, value)
    with refused(
        "AccessDeniedException",
        f"ssm:GetParameter on resource: {SSM}/other because no identity-based policy allows",
    ):
        ssm.get_parameter(Name="/other")
    with refused("AccessDeniedException", "ssm:PutParameter"):
        ssm.put_parameter(Name=f"{PREFIX}/admin-password", Value="mine", Type="String", Overwrite=True)
    with refused(
        "UnauthorizedOperation",
        f"assumed-role/hub/{hub['InstanceId']} is not authorized to perform: ec2:TerminateInstances",
    ):
        as_role(cloud, "ec2", credentials).terminate_instances(InstanceIds=[hub["InstanceId"]])
    with refused("AccessDenied", "iam:GetRole"):
        as_role(cloud, "iam", credentials).get_role(RoleName="hub")
    assert {record["session"] for record in calls_of(cloud.endpoint, "hub")} == {hub["InstanceId"]}
    assert [record["action"] for record in calls_of(cloud.endpoint, "hub") if not record["allowed"]] == [
        "route53:ChangeResourceRecordSets",
        "route53:ChangeResourceRecordSets",
        "ssm:GetParameter",
        "ssm:PutParameter",
        "ec2:TerminateInstances",
        "iam:GetRole",
    ]
    with pytest.raises(AssertionError, match="ssm:GetParameter on"):
        assert_least_privilege(cloud.endpoint, "hub", hub_policy(zone_id))
    cloud.client("ssm").delete_parameters(Names=[f"{PREFIX}/admin-password", f"{PREFIX}/status"])


def change(route53: Any, zone_id: str, name: str, kind: str, value: str, action: str = "UPSERT") -> Any:
    records = {"Name": name, "Type": kind, "TTL": 10, "ResourceRecords": [{"Value": value}]}
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": records}]}
    return route53.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch=batch)


def test_more_allowed_than_was_used_is_found(cloud: Ec2Client, hub: dict[str, Any], zone_id: str) -> None:
    forget_calls(cloud.endpoint)
    with imds(cloud, hub["InstanceId"]) as url:
        as_role(cloud, "route53", fetched(url)).list_hosted_zones()
    with pytest.raises(AssertionError, match="may do what it never did"):
        assert_least_privilege(cloud.endpoint, "hub", hub_policy(zone_id))


def test_keys_with_another_token_are_worth_nothing(cloud: Ec2Client, hub: dict[str, Any]) -> None:
    with imds(cloud, hub["InstanceId"]) as url:
        key = fetched(url).get_frozen_credentials()
    secrets = {
        "aws_access_key_id": key.access_key,
        "aws_secret_access_key": key.secret_key,
        "aws_session_token": "another",
    }
    ssm = boto3.client("ssm", endpoint_url=cloud.endpoint.url, region_name="us-east-1", **secrets)
    with refused("UnrecognizedClientException"):
        ssm.get_parameter(Name=f"{PREFIX}/admin-password")


def test_a_machine_reads_its_role_its_document_its_tags_and_its_network(
    cloud: Ec2Client, hub: dict[str, Any]
) -> None:
    mac = hub["NetworkInterfaces"][0]["MacAddress"]
    paths = [
        "meta-data/iam/security-credentials/",
        "meta-data/iam/security-credentials/hub",
        "dynamic/instance-identity/document",
    ]
    paths += ["meta-data/tags/instance/Name", f"meta-data/network/interfaces/macs/{mac}/subnet-id"]
    role, credentials, document, name, subnet = cloud.ssh(
        hub, " && echo ---- && ".join(f"/usr/lib/tiny/imds {path}" for path in paths)
    ).split("----\n")
    assert role.strip() == "hub"
    assert json.loads(credentials)["AccessKeyId"].startswith("ASIA")
    assert json.loads(document)["instanceId"] == hub["InstanceId"]
    assert (name.strip(), subnet.strip()) == ("hub", hub["SubnetId"])
    assert "401" in cloud.ssh(hub, "wget -O- http://169.254.169.254/latest/meta-data/iam/info 2>&1 || true")


def test_a_profile_comes_changes_and_goes_while_the_machine_runs(
    cloud: Ec2Client, hub: dict[str, Any], zone_id: str
) -> None:
    ec2, instance_id = cloud.client("ec2"), hub["InstanceId"]
    reader = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "ssm:Get*", "Resource": "*"},
    }
    with profile(cloud, "reader", reader), imds(cloud, instance_id) as url:
        (first,) = ec2.describe_iam_instance_profile_associations(
            Filters=[{"Name": "instance-id", "Values": [instance_id]}]
        )["IamInstanceProfileAssociations"]
        assert (first["State"], first["IamInstanceProfile"]["Arn"]) == (
            "associated",
            "arn:aws:iam::123456789012:instance-profile/hub",
        )
        with refused("IncorrectState", f"There is an existing association for instance {instance_id}"):
            ec2.associate_iam_instance_profile(InstanceId=instance_id, IamInstanceProfile={"Name": "reader"})
        second = ec2.replace_iam_instance_profile_association(
            AssociationId=first["AssociationId"], IamInstanceProfile={"Name": "reader"}
        )["IamInstanceProfileAssociation"]
        assert second["State"] == "associating"
        assert second["AssociationId"] != first["AssociationId"]
        assert cloud.look(instance_id)["IamInstanceProfile"]["Arn"].endswith("instance-profile/reader")
        assert (
            as_role(cloud, "sts", fetched(url))
            .get_caller_identity()["Arn"]
            .endswith(f"assumed-role/reader/{instance_id}")
        )
        with refused("ParameterNotFound"):
            as_role(cloud, "ssm", fetched(url)).get_parameter(Name="/nothing")
        ec2.disassociate_iam_instance_profile(AssociationId=second["AssociationId"])
        assert fetched(url) is None
        assert "IamInstanceProfile" not in cloud.look(instance_id)
        with refused("InvalidAssociationID.NotFound"):
            ec2.disassociate_iam_instance_profile(AssociationId=second["AssociationId"])
        with refused("InvalidParameterValue", "Invalid IAM Instance Profile name"):
            ec2.associate_iam_instance_profile(InstanceId=instance_id, IamInstanceProfile={"Name": "nobody"})
        ec2.associate_iam_instance_profile(InstanceId=instance_id, IamInstanceProfile={"Name": "hub"})
        assert (
            as_role(cloud, "sts", fetched(url))
            .get_caller_identity()["Arn"]
            .endswith(f"assumed-role/hub/{instance_id}")
        )


def test_a_launch_with_a_profile_that_is_not_there_makes_nothing(cloud: Ec2Client) -> None:
    before = len(cloud.client("ec2").describe_instances()["Reservations"])
    for wanted, words in (
        ({"Name": "nobody"}, "profile name"),
        ({"Arn": "arn:aws:iam::123456789012:instance-profile/nobody"}, "profile ARN"),
    ):
        with refused(
            "InvalidParameterValue",
            f"Invalid IAM Instance {words.title().replace('Arn', 'ARN').replace('Name', 'name')}",
        ):
            cloud.run(IamInstanceProfile=wanted)
    assert len(cloud.client("ec2").describe_instances()["Reservations"]) == before


def test_a_roles_credentials_outlive_the_server(cloud: Ec2Client, hub: dict[str, Any]) -> None:
    """They are kept before the machine gets them."""
    with imds(cloud, hub["InstanceId"]) as url:
        key = fetched(url).access_key
    assert control.find(cloud.folder) is not None
    assert key.encode() in (cloud.folder / "state.pickle").read_bytes()
