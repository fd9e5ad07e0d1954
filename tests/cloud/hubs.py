"""Hubs of tiny machines: all of a launch but the hub itself (no https is waited for)."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from dataclasses import dataclass
from typing import Any

from tests.cloud.invoke_runner import INVOKE, REPO, TINY, Done, InvokeRunner, Running

ZONE = "example.test"
_ALIVE = {
    "Name": "instance-state-name",
    "Values": ["pending", "running", "shutting-down", "stopping", "stopped"],
}


@dataclass(frozen=True)
class Site:
    """A state folder with a tiny image, and one domain in it."""

    runner: InvokeRunner
    domain: str

    def arguments(self, *more: str) -> list[str]:
        """Those of a launch."""
        sizes = [] if "--instance-type" in more else ["--instance-type", "t3.nano"]
        admin = [] if "--admin" in more else ["--admin", "alice"]
        names = ["--domain", self.domain, *admin, "--email", "you@your-university.edu"]
        wait = [] if "--wait" in more else ["--no-wait"]
        settings = ["--manifest", str(TINY), "--set", "launch.data_volume.size_gib=1"]
        return ["launch", *settings, *names, *sizes, *wait, *(one for one in more if one != "--wait")]

    def launch(self, *more: str) -> Done:
        """Launch it."""
        return self.runner.invoke(*self.arguments(*more))

    def launched(self, *more: str) -> dict[str, Any]:
        """Launch it; the document."""
        done = self.launch("--json", *more)
        assert done.status == 0, done.err
        found: dict[str, Any] = json.loads(done.out)
        return found

    def start(self, *command: str) -> Running:
        """Begin a command."""
        line = [str(INVOKE), *command]
        environment = self.runner.environment
        return Running(
            subprocess.Popen(
                line, cwd=REPO, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        )

    def invoke(self, task: str, *more: str) -> Done:
        """Another task for this hub."""
        return self.runner.invoke(task, "--manifest", str(TINY), "--domain", self.domain, *more)

    def destroy(self) -> None:
        """Nothing is to be left of it."""
        done = self.invoke("destroy", "--yes", "--with-data")
        assert done.status == 0, done.err

    def instances(self) -> list[dict[str, Any]]:
        """Its instances that are not terminated."""
        ours = {"Name": "tag:hubsmith:hub", "Values": [self.domain]}
        found = self.runner.client("ec2").describe_instances(Filters=[ours, _ALIVE])["Reservations"]
        return [instance for reservation in found for instance in reservation["Instances"]]

    def group(self) -> dict[str, Any]:
        """Its security group."""
        ours = {"Name": "tag:hubsmith:hub", "Values": [self.domain]}
        found: dict[str, Any] = self.runner.client("ec2").describe_security_groups(Filters=[ours])[
            "SecurityGroups"
        ][0]
        return found

    def ports(self) -> list[int]:
        """What its group opens."""
        return sorted(permission["FromPort"] for permission in self.group()["IpPermissions"])

    def records(self) -> list[tuple[str, list[str]]]:
        """(type, values) at its name."""
        route53 = self.runner.client("route53")
        found = route53.list_resource_record_sets(HostedZoneId=self.zone_id())["ResourceRecordSets"]
        return [
            (r["Type"], [v["Value"] for v in r["ResourceRecords"]])
            for r in found
            if r["Name"] == f"{self.domain}."
        ]

    def zone_id(self) -> str:
        """The id of the zone that the local cloud has from the start."""
        zones = self.runner.client("route53").list_hosted_zones()["HostedZones"]
        return str(next(zone["Id"] for zone in zones if zone["Name"] == f"{ZONE}."))

    def set_record(self, kind: str, value: str, action: str = "UPSERT") -> None:
        """Somebody makes (or removes) a record at its name."""
        record = {"Name": self.domain, "Type": kind, "TTL": 300, "ResourceRecords": [{"Value": value}]}
        change = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
        self.runner.client("route53").change_resource_record_sets(
            HostedZoneId=self.zone_id(), ChangeBatch=change
        )

    def say(self, name: str, value: str) -> None:
        """What an instance of a golden image would publish."""
        ssm = self.runner.client("ssm")
        ssm.put_parameter(
            Name=f"/hubsmith/hubs/{self.domain}/{name}", Type="String", Value=value, Overwrite=True
        )


def everything(runner: InvokeRunner) -> dict[str, list[str]]:
    """All that a hub could leave, in every service."""
    iam, ssm, route53 = (runner.client(service) for service in ("iam", "ssm", "route53"))
    zones = [zone["Id"] for zone in route53.list_hosted_zones()["HostedZones"]]
    records = [
        record
        for zone in zones
        for record in route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    ]
    return {
        **runner.listing(),
        "roles": sorted(role["RoleName"] for role in iam.list_roles()["Roles"]),
        "profiles": sorted(
            profile["InstanceProfileName"] for profile in iam.list_instance_profiles()["InstanceProfiles"]
        ),
        "parameters": sorted(parameter["Name"] for parameter in ssm.describe_parameters()["Parameters"]),
        "records": sorted(f"{record['Name']} {record['Type']}" for record in records),
        "folders": sorted(path.name for path in (runner.state / "hubs").glob("*")),
    }


def tags_of(resource: dict[str, Any]) -> dict[str, str]:
    """The tags of anything EC2 or IAM describes."""
    return {tag["Key"]: tag["Value"] for tag in resource["Tags"]}


def told_to(site: Site, instance_id: str) -> str:
    """The user data of an instance."""
    answer = site.runner.client("ec2").describe_instance_attribute(
        InstanceId=instance_id, Attribute="userData"
    )
    return base64.b64decode(answer["UserData"]["Value"]).decode()


def host_key(site: Site) -> str:
    """The host key of a tiny machine, which it cannot publish itself."""
    ec2, group_id = site.runner.client("ec2"), site.group()["GroupId"]
    rule = {"GroupId": group_id, "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "127.0.0.1/32"}
    ec2.authorize_security_group_ingress(**rule)
    deadline = time.monotonic() + 120
    try:
        while time.monotonic() < deadline:
            address = site.instances()[0]["PublicIpAddress"]
            done = subprocess.run(
                ["ssh-keyscan", "-t", "ed25519", address],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            # OpenSSH 10 prints its comments there too.
            keys = [line.partition(" ")[2] for line in done.stdout.splitlines() if not line.startswith("#")]
            if keys:
                return keys[0]
            time.sleep(0.5)
    finally:
        ec2.revoke_security_group_ingress(**rule)
    raise AssertionError("no host key")
