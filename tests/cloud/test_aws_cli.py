"""The stock aws CLI against the local cloud, in the words of its manual."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from build.remote.greeting import greets
from localcloud.faults import client as faults
from localcloud.server import control
from tests.cloud.ec2_client import Ec2Client, until
from tests.cloud.invoke_runner import INVOKE, REPO, InvokeRunner

pytestmark = [pytest.mark.vm, pytest.mark.turn]


class Cli:
    """`aws ec2 …` after `eval "$(invoke cloud.env)"`."""

    def __init__(self, cloud: Ec2Client, home: Path) -> None:
        beside = Path(sys.executable).with_name("aws")
        self.command = str(beside) if beside.exists() else "aws"
        self.refused = (
            255
            if b"aws-cli/1"
            in subprocess.run([self.command, "--version"], capture_output=True, check=True).stdout
            else 254
        )
        plain = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self.environment = {
            **plain,
            "HOME": str(home),
            "AWS_PAGER": "",
            **control.environment(cloud.endpoint),
        }

    def __call__(self, *words: str, fails: bool = False) -> Any:
        assert self.command, "the aws CLI is not installed"
        done = subprocess.run(
            [self.command, *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if fails:
            assert done.returncode == self.refused, done.stderr
            return done.stderr.strip()
        assert done.returncode == 0, done.stderr
        try:
            return json.loads(done.stdout)
        except ValueError:
            return done.stdout.strip()


@pytest.fixture
def aws(cloud: Ec2Client, tmp_path: Path) -> Cli:
    return Cli(cloud, tmp_path)


@pytest.fixture(scope="module")
def instance(cloud: Ec2Client) -> Iterator[dict[str, Any]]:
    """For what may be done to one that runs."""
    with cloud.instance() as instance:
        yield instance


def query(path: str) -> list[str]:
    return ["--query", path, "--output", "text"]


def test_from_key_and_group_to_an_image_and_back(aws: Cli, cloud: Ec2Client, tmp_path: Path) -> None:
    public = tmp_path / "key.pub"
    public.write_text(cloud.key.public)
    assert aws("sts", "get-caller-identity")["Account"] == "123456789012"
    aws("ec2", "import-key-pair", "--key-name", "cli", "--public-key-material", f"fileb://{public}")
    group = aws(
        "ec2", "create-security-group", "--group-name", "cli", "--description", "cli", *query("GroupId")
    )
    aws(
        "ec2",
        "authorize-security-group-ingress",
        "--group-id",
        group,
        "--protocol",
        "tcp",
        "--port",
        "22",
        "--cidr",
        "127.0.0.1/32",
    )
    aws("ec2", "wait", "security-group-exists", "--group-ids", group)
    aws("ec2", "wait", "key-pair-exists", "--key-names", "cli")
    base = aws(
        "ec2",
        "describe-images",
        "--filters",
        "Name=name,Values=tiny-*",
        *query("sort_by(Images,&CreationDate)[-1].ImageId"),
    )

    run = [
        "--image-id",
        base,
        "--instance-type",
        "t3.nano",
        "--key-name",
        "cli",
        "--security-group-ids",
        group,
    ]
    tags = "ResourceType=instance,Tags=[{Key=Name,Value=cli}]"
    one = aws("ec2", "run-instances", *run, "--tag-specifications", tags, *query("Instances[0].InstanceId"))
    aws("ec2", "wait", "instance-running", "--instance-ids", one)
    listed = aws("ec2", "describe-instances", "--filters", "Name=tag:Name,Values=cli")["Reservations"][0][
        "Instances"
    ][0]
    assert listed["InstanceId"] == one
    assert cloud.ssh(listed, "echo by-cli > /root/cli && sync; cat /root/cli") == "by-cli\n"
    aws("ec2", "wait", "instance-status-ok", "--instance-ids", one)
    aws("ec2", "wait", "system-status-ok", "--instance-ids", one)
    console = aws("ec2", "get-console-output", "--instance-id", one)["Output"]
    assert "tiny (busybox on a Debian kernel) ttyS0" in console

    volume = aws(
        "ec2", "create-volume", "--availability-zone", "us-east-1a", "--size", "1", *query("VolumeId")
    )
    aws("ec2", "wait", "volume-available", "--volume-ids", volume)
    aws("ec2", "attach-volume", "--volume-id", volume, "--instance-id", one, "--device", "/dev/sdf")
    aws("ec2", "wait", "volume-in-use", "--volume-ids", volume)
    assert "VolumeInUse" in aws("ec2", "delete-volume", "--volume-id", volume, fails=True)

    aws("ec2", "stop-instances", "--instance-ids", one)
    aws("ec2", "wait", "instance-stopped", "--instance-ids", one)
    aws("ec2", "detach-volume", "--volume-id", volume)
    aws("ec2", "wait", "volume-available", "--volume-ids", volume)
    aws("ec2", "delete-volume", "--volume-id", volume)
    image = aws("ec2", "create-image", "--instance-id", one, "--name", "cli-image", *query("ImageId"))
    aws("ec2", "wait", "image-exists", "--image-ids", image)
    aws("ec2", "wait", "image-available", "--image-ids", image)
    snapshot = aws(
        "ec2",
        "describe-images",
        "--owners",
        "self",
        "--image-ids",
        image,
        *query("Images[0].BlockDeviceMappings[0].Ebs.SnapshotId"),
    )
    aws("ec2", "wait", "snapshot-completed", "--snapshot-ids", snapshot)
    aws("ec2", "terminate-instances", "--instance-ids", one)
    aws("ec2", "wait", "instance-terminated", "--instance-ids", one)

    assert "InvalidSnapshot.InUse" in aws("ec2", "delete-snapshot", "--snapshot-id", snapshot, fails=True)
    aws("ec2", "deregister-image", "--image-id", image)
    aws("ec2", "delete-snapshot", "--snapshot-id", snapshot)
    aws("ec2", "delete-security-group", "--group-id", group)
    aws("ec2", "delete-key-pair", "--key-name", "cli")


def test_the_lines_of_cloud_env_point_a_shell_at_it(aws: Cli, runner: InvokeRunner) -> None:
    line = (
        f'eval "$({INVOKE} cloud.env)" && {aws.command} ec2 describe-images --owners 000000000000 --query '
        "Images[0].Name --output text"
    )
    environment = {name: value for name, value in runner.environment.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        ["sh", "-c", line],
        cwd=REPO,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tiny-amd64-")


def test_parameters_and_an_error_as_aws_prints_it(aws: Cli) -> None:
    aws("ssm", "put-parameter", "--name", "/cli/latest", "--value", "ami-1", "--type", "String")
    assert aws("ssm", "get-parameter", "--name", "/cli/latest", *query("Parameter.Value")) == "ami-1"
    aws("ssm", "delete-parameter", "--name", "/cli/latest")
    assert aws("ec2", "run-instances", "--image-id", "ami-0123456789abcdef0", fails=True) == (
        "An error occurred (InvalidAMIID.NotFound) when calling the RunInstances operation: "
        "The image id '[ami-0123456789abcdef0]' does not exist"
    )


def test_user_data_from_a_file(aws: Cli, cloud: Ec2Client, tmp_path: Path) -> None:
    script = tmp_path / "user-data"
    script.write_text("#!/bin/sh\necho hello\n")
    options = ["--image-id", cloud.tiny, "--instance-type", "t3.nano", "--user-data", f"file://{script}"]
    instance = aws("ec2", "run-instances", *options, *query("Instances[0].InstanceId"))
    kept = aws(
        "ec2",
        "describe-instance-attribute",
        "--instance-id",
        instance,
        "--attribute",
        "userData",
        *query("UserData.Value"),
    )
    assert base64.b64decode(kept).decode() == script.read_text()
    cloud.end(instance)


def test_disks_by_the_cli(aws: Cli, instance: dict[str, Any]) -> None:
    """Growth, snapshots of a volume in use, volumes from snapshots, and every waiter there is for them."""
    zone = ["--availability-zone", "us-east-1a"]
    tags = "ResourceType=volume,Tags=[{Key=Name,Value=data}]"
    volume = aws(
        "ec2",
        "create-volume",
        *zone,
        "--size",
        "1",
        "--volume-type",
        "gp3",
        "--tag-specifications",
        tags,
        *query("VolumeId"),
    )
    aws("ec2", "wait", "volume-available", "--volume-ids", volume)
    aws(
        "ec2",
        "attach-volume",
        "--volume-id",
        volume,
        "--instance-id",
        instance["InstanceId"],
        "--device",
        "/dev/sdf",
    )
    aws("ec2", "wait", "volume-in-use", "--filters", "Name=tag:Name,Values=data")
    assert (
        aws("ec2", "modify-volume", "--volume-id", volume, "--size", "2")["VolumeModification"]["TargetSize"]
        == 2
    )
    state = query("VolumesModifications[0].ModificationState")
    look = ("ec2", "describe-volumes-modifications", "--volume-ids", volume, *state)
    until(lambda: aws(*look) == "completed", 120, "the modification")
    assert "New size cannot be smaller than existing size" in aws(
        "ec2", "modify-volume", "--volume-id", volume, "--size", "1", fails=True
    )
    snapshot = aws(
        "ec2", "create-snapshot", "--volume-id", volume, "--description", "in use", *query("SnapshotId")
    )
    aws("ec2", "wait", "snapshot-completed", "--snapshot-ids", snapshot)
    assert (
        aws(
            "ec2",
            "describe-snapshots",
            "--snapshot-ids",
            snapshot,
            *query("Snapshots[0].[VolumeSize,Progress]"),
        )
        == "2\t100%"
    )
    copy = aws("ec2", "create-volume", *zone, "--snapshot-id", snapshot, *query("[VolumeId,Size]")).split()
    assert copy[1] == "2"
    aws("ec2", "wait", "volume-available", "--volume-ids", copy[0])
    aws("ec2", "detach-volume", "--volume-id", volume)
    aws("ec2", "wait", "volume-available", "--volume-ids", volume)
    for each in (volume, copy[0]):
        aws("ec2", "delete-volume", "--volume-id", each)
        aws("ec2", "wait", "volume-deleted", "--volume-ids", each)
    aws("ec2", "delete-snapshot", "--snapshot-id", snapshot)


def test_addresses_and_what_names_them_by_the_cli(aws: Cli, instance: dict[str, Any]) -> None:
    """An Elastic IP comes, moves and goes; Route 53 has its name; the waiters of both."""
    reach = "Name=instance-id,Values=" + instance["InstanceId"]
    address, allocation = aws(
        "ec2", "allocate-address", "--domain", "vpc", *query("[PublicIp,AllocationId]")
    ).split()
    aws("ec2", "associate-address", "--allocation-id", allocation, "--instance-id", instance["InstanceId"])
    until(lambda: greets(address), 60, "the address")
    found = aws(
        "ec2", "describe-addresses", "--filters", reach, *query("Addresses[0].[PublicIp,AssociationId]")
    ).split()
    assert found[0] == address
    assert "InvalidIPAddress.InUse" in aws(
        "ec2", "release-address", "--allocation-id", allocation, fails=True
    )

    zone = aws(
        "route53", "list-hosted-zones-by-name", "--dns-name", "example.test", *query("HostedZones[0].Id")
    )
    for action in ("UPSERT", "DELETE"):
        record = {"Name": "cli.example.test", "Type": "A", "TTL": 10, "ResourceRecords": [{"Value": address}]}
        batch = json.dumps({"Changes": [{"Action": action, "ResourceRecordSet": record}]})
        change = aws(
            "route53",
            "change-resource-record-sets",
            "--hosted-zone-id",
            zone,
            "--change-batch",
            batch,
            *query("ChangeInfo.Id"),
        )
        aws("route53", "wait", "resource-record-sets-changed", "--id", change)

    aws("ec2", "disassociate-address", "--association-id", found[1])
    aws("ec2", "release-address", "--allocation-id", allocation)
    assert "InvalidAllocationID.NotFound" in aws(
        "ec2", "release-address", "--allocation-id", allocation, fails=True
    )
    assert aws("ec2", "describe-addresses", "--filters", reach)["Addresses"] == []


def test_roles_by_the_cli(aws: Cli, instance: dict[str, Any]) -> None:
    """A role and its profile, given to a machine that runs, with IAM's waiters."""
    named = ["--instance-profile-name", "cli"]
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    aws("iam", "create-role", "--role-name", "cli", "--assume-role-policy-document", trust)
    aws("iam", "wait", "role-exists", "--role-name", "cli")
    known = aws("iam", "create-instance-profile", *named, *query("InstanceProfile.[Arn,InstanceProfileId]"))
    aws("iam", "wait", "instance-profile-exists", *named)
    aws("iam", "add-role-to-instance-profile", *named, "--role-name", "cli")
    wanted = ["--instance-id", instance["InstanceId"], "--iam-instance-profile", "Name=cli"]
    made = aws(
        "ec2",
        "associate-iam-instance-profile",
        *wanted,
        *query("IamInstanceProfileAssociation.AssociationId"),
    )
    options = [
        "--instance-id",
        instance["InstanceId"],
        "--http-tokens",
        "required",
        "--http-put-response-hop-limit",
        "2",
    ]
    changed = aws("ec2", "modify-instance-metadata-options", *options)["InstanceMetadataOptions"]
    assert (changed["HttpTokens"], changed["HttpPutResponseHopLimit"]) == ("required", 2)
    profile = query("Reservations[0].Instances[0].IamInstanceProfile.[Arn,Id]")
    assert ":instance-profile/cli\t" in known
    assert aws("ec2", "describe-instances", "--instance-ids", instance["InstanceId"], *profile) == known
    aws("ec2", "disassociate-iam-instance-profile", "--association-id", made)
    assert aws("ec2", "describe-instances", "--instance-ids", instance["InstanceId"], *profile) == "None"
    aws("iam", "remove-role-from-instance-profile", *named, "--role-name", "cli")
    aws("iam", "delete-instance-profile", *named)
    aws("iam", "delete-role", "--role-name", "cli")
    assert "NoSuchEntity" in aws("iam", "get-role", "--role-name", "cli", fails=True)


def test_its_waiters_wait_as_long_as_a_resource_is_not_to_be_seen(aws: Cli, cloud: Ec2Client) -> None:
    run = ["--image-id", cloud.tiny, "--instance-type", "t3.nano"]
    faults.add(cloud.endpoint.url, [{"kind": "hide", "resource": "*", "seconds": 3600}])
    instance = aws("ec2", "run-instances", *run, *query("Instances[0].InstanceId"))
    try:
        for look in ("describe-instances", "describe-instance-status"):
            assert "InvalidInstanceID.NotFound" in aws("ec2", look, "--instance-ids", instance, fails=True)
        command = [str(aws.command), "ec2", "wait", "instance-exists", "--instance-ids", instance]
        with subprocess.Popen(command, env=aws.environment) as waiting:
            with pytest.raises(subprocess.TimeoutExpired):
                waiting.wait(8)
            faults.clear(cloud.endpoint.url)
            assert waiting.wait(60) == 0
        assert instance in str(aws("ec2", "describe-instances", "--instance-ids", instance))
    finally:
        faults.clear(cloud.endpoint.url)
        cloud.end(instance)
