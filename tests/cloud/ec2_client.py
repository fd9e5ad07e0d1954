"""A client of EC2: boto3, waiters and ssh."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import paramiko
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from build.aws.console import KernelWatch
from build.remote.greeting import greets
from localcloud.faults.consistency import CONSISTENT_AGENT
from localcloud.server.control import Endpoint

FAST = {"Delay": 1, "MaxAttempts": 180}


@dataclass(frozen=True)
class Key:
    """An ssh key of the tests."""

    path: Path
    public: str

    @classmethod
    def make(cls, path: Path) -> Key:
        private = Ed25519PrivateKey.generate()
        encoding, form = serialization.Encoding, serialization.PrivateFormat.OpenSSH
        path.write_bytes(private.private_bytes(encoding.PEM, form, serialization.NoEncryption()))
        path.chmod(0o600)
        public = private.public_key().public_bytes(encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        return cls(path, public.decode() + " tests")

    def for_paramiko(self) -> paramiko.PKey:
        return paramiko.Ed25519Key.from_private_key(io.StringIO(self.path.read_text()))


@dataclass(frozen=True)
class Ec2Client:
    """Somebody with credentials for one cloud."""

    endpoint: Endpoint
    folder: Path
    key: Key

    def client(self, service: str, region: str = "us-east-1") -> Any:
        """A client that does not repeat a failed request: a test is to see the first answer.

        It knows at once what is new, also in a cloud in which other clients have to wait.
        """
        config = Config(retries={"total_max_attempts": 1}, read_timeout=60, user_agent_extra=CONSISTENT_AGENT)
        credentials = {
            "aws_access_key_id": self.endpoint.access_key,
            "aws_secret_access_key": self.endpoint.secret_key,
        }
        session: Any = boto3.Session()  # whose stubs want the service as a literal
        return session.client(
            service, endpoint_url=self.endpoint.url, region_name=region, config=config, **credentials
        )

    @property
    def tiny(self) -> str:
        """The newest tiny image."""
        images = self.client("ec2").describe_images(Filters=[{"Name": "name", "Values": ["tiny-*"]}])[
            "Images"
        ]
        return str(max(images, key=lambda image: image["CreationDate"])["ImageId"])

    def key_name(self) -> str:
        """The tests' key pair, imported once."""
        ec2 = self.client("ec2")
        if not ec2.describe_key_pairs(Filters=[{"Name": "key-name", "Values": ["tests"]}])["KeyPairs"]:
            ec2.import_key_pair(KeyName="tests", PublicKeyMaterial=self.key.public.encode())
        return "tests"

    def open_group(self, *ports: int) -> str:
        """A security group that lets this host in."""
        ec2 = self.client("ec2")
        group_id = str(
            ec2.create_security_group(GroupName=f"open-{time.monotonic_ns()}", Description="tests")["GroupId"]
        )
        for port in ports:
            ec2.authorize_security_group_ingress(
                GroupId=group_id, IpProtocol="tcp", FromPort=port, ToPort=port, CidrIp="127.0.0.1/32"
            )
        return group_id

    def run(self, **more: Any) -> dict[str, Any]:
        """One instance, pending."""
        parameters = {
            "ImageId": self.tiny,
            "InstanceType": "t3.nano",
            "KeyName": self.key_name(),
            "MinCount": 1,
            "MaxCount": 1,
            **more,
        }
        found: dict[str, Any] = self.client("ec2").run_instances(**parameters)["Instances"][0]
        return found

    @contextmanager
    def instance(self, *, ports: tuple[int, ...] = (22,), **more: Any) -> Iterator[dict[str, Any]]:
        """An instance that runs, with a group of its own; both are gone afterwards."""
        ec2, group_id = self.client("ec2"), self.open_group(*ports)
        instance_id = self.run(SecurityGroupIds=[group_id], **more)["InstanceId"]
        try:
            ec2.get_waiter("instance_running").wait(InstanceIds=[instance_id], WaiterConfig=FAST)
            yield self.look(instance_id)
        finally:
            self.end(instance_id)
            ec2.delete_security_group(GroupId=group_id)

    def end(self, instance_id: str) -> None:
        """Terminate, and see it terminated."""
        ec2 = self.client("ec2")
        ec2.modify_instance_attribute(InstanceId=instance_id, DisableApiTermination={"Value": False})
        ec2.terminate_instances(InstanceIds=[instance_id])
        self.wait_for(instance_id, "terminated")

    def look(self, instance_id: str) -> dict[str, Any]:
        """The instance as it is listed now."""
        found: dict[str, Any] = self.client("ec2").describe_instances(InstanceIds=[instance_id])[
            "Reservations"
        ][0]["Instances"][0]
        return found

    def state(self, instance_id: str) -> str:
        return str(self.look(instance_id)["State"]["Name"])

    def wait_for(self, instance_id: str, state: str, timeout_s: float = 120) -> dict[str, Any]:
        """Wait for a state."""
        until(lambda: self.state(instance_id) == state, timeout_s, f"{instance_id} {state}")
        return self.look(instance_id)

    def ssh(
        self, instance: dict[str, Any], command: str, *, timeout_s: float = 120, user: str = "root"
    ) -> str:
        """What a command says on the instance, whose sshd may still be starting; it must succeed."""
        with self.connected(instance, timeout_s=timeout_s, user=user) as client:
            _, out, err = client.exec_command(command, timeout=max(60, timeout_s))
            text = out.read().decode()
            status = out.channel.recv_exit_status()
            assert status == 0, f"{command}: exit status {status}: {text}{err.read().decode()}"
            return str(text)

    def console(self, instance: dict[str, Any]) -> str:
        """The end of what its serial console said."""
        if "InstanceId" not in instance:
            return "(not known)"
        answer = self.client("ec2").get_console_output(InstanceId=instance["InstanceId"], Latest=True)
        return str(answer.get("Output", ""))[-3000:]

    @contextmanager
    def connected(
        self, instance: dict[str, Any], *, timeout_s: float = 120, user: str = "root"
    ) -> Iterator[paramiko.SSHClient]:
        address, deadline = instance["PublicIpAddress"], time.monotonic() + timeout_s
        # some tests know only the address: then there is no console to look at
        name = instance.get("InstanceId", address)
        kernel = KernelWatch(self.client("ec2"), name)
        while True:
            # QEMU accepts connections before the guest does; paramiko would log each of them with a
            # traceback.
            if not greets(address) and time.monotonic() < deadline:
                if fault := kernel.look():
                    pytest.fail(f"{name} cannot be reached by ssh: {fault}")
                time.sleep(0.2)
                continue
            client = paramiko.SSHClient()
            client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
            try:
                client.connect(
                    address,
                    username=user,
                    pkey=self.key.for_paramiko(),
                    timeout=5,
                    banner_timeout=15,
                    auth_timeout=15,
                    allow_agent=False,
                    look_for_keys=False,
                )
            except (OSError, EOFError, paramiko.SSHException):
                client.close()
                if time.monotonic() > deadline:
                    who = f"{name} cannot be reached by ssh in {timeout_s:g} s{kernel.likely_cause()}"
                    pytest.fail(f"{who}; its console: {self.console(instance)}")
                time.sleep(0.3)
                continue
            try:
                yield client
            finally:
                client.close()
            return


def until(look: Callable[[], object], timeout_s: float = 60, what: str = "it") -> None:
    """Wait until look() is true; fails when it does not become so in time."""
    deadline = time.monotonic() + timeout_s
    while not look():
        assert time.monotonic() < deadline, f"{what} did not happen in {timeout_s} s"
        time.sleep(0.1)


@contextmanager
def refused(code: str, message: str = "") -> Iterator[None]:
    """The block must be refused with this error code, and a message that holds these words."""
    with pytest.raises(ClientError) as caught:
        yield
    error = caught.value.response["Error"]
    assert error["Code"] == code
    assert message in error["Message"]
