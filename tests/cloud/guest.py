"""A tiny machine without a cloud around it: its keys, its metadata, and ssh into it."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import paramiko
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from localcloud.machine.imds_server import InstanceFacts, InstanceMetadata, identity_document, tree
from localcloud.machine.machine import Machine, MachineSpec
from localcloud.server.status import kernel_faults

T = TypeVar("T")
BOOT_S = 180.0  # generous: under TCG on a busy host
FACTS = InstanceFacts(
    instance_id="i-0123456789abcdef0",
    image_id="ami-0123456789abcdef0",
    instance_type="t3.micro",
    availability_zone="us-east-1a",
    region="us-east-1",
    account="123456789012",
    mac="02:00:00:00:00:01",
    private_ip="172.31.1.2",
    local_hostname="ip-172-31-1-2.ec2.internal",
    interface_id="eni-0123456789abcdef0",
    subnet_id="subnet-0123456789abcdef0",
    subnet_cidr="172.31.0.0/20",
    vpc_id="vpc-0123456789abcdef0",
    vpc_cidr="172.31.0.0/16",
    launch_time="2026-11-23T11:30:00Z",
    reservation_id="r-0123456789abcdef0",
)
_USER_DATA = """\
#cloud-config
ssh_keys:
  ed25519_private: |
{host_private}
  ed25519_public: {host_public} hubsmith
ssh_authorized_keys:
  - {client_public} hubsmith-run
"""


@dataclass(frozen=True)
class Keys:
    """The client's key, and the host key the guest gets by user data, so that who answers is known."""

    client: str
    host: str
    metadata: InstanceMetadata


def make_keys() -> Keys:
    """Fresh keys, and the metadata that carries them into the guest."""
    client, host = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    indented = "\n".join(f"    {line}" for line in _private(host).splitlines())
    user_data = _USER_DATA.format(
        host_private=indented, host_public=_public(host), client_public=_public(client)
    )
    return Keys(
        _private(client),
        _private(host),
        InstanceMetadata(tree(FACTS), user_data.encode(), identity_document(FACTS)),
    )


@dataclass(frozen=True)
class Guest:
    """A machine, what it was started with, and where its ssh port is forwarded to."""

    machine: Machine
    spec: MachineSpec
    address: str
    keys: Keys

    def run(self, command: str, *, port: int = 22, timeout_s: float = BOOT_S) -> str:
        """What a command prints, over a connection of its own; waits until sshd answers."""
        with until_it_works(lambda: self._connected(port), timeout_s) as client:
            _, out, _ = client.exec_command(command, timeout=60)
            return out.read().decode().strip()

    def serials(self) -> set[str]:
        """What the disks of the guest say they are."""
        return set(
            self.run(
                "for disk in /sys/block/vd* /sys/block/nvme*; do cat $disk/serial $disk/device/serial; echo; "
                "done"
            ).split()
        )

    def _connected(self, port: int) -> paramiko.SSHClient:
        client = paramiko.SSHClient()
        host = paramiko.Ed25519Key(file_obj=io.StringIO(self.keys.host))
        client.get_host_keys().add(
            self.address if port == 22 else f"[{self.address}]:{port}", "ssh-ed25519", host
        )
        key = paramiko.Ed25519Key(file_obj=io.StringIO(self.keys.client))
        try:
            client.connect(
                self.address,
                port,
                "root",
                pkey=key,
                timeout=10,
                banner_timeout=10,
                allow_agent=False,
                look_for_keys=False,
            )
        except BaseException:
            client.close()
            self._fail_after_a_panic()
            raise
        return client

    def _fail_after_a_panic(self) -> None:
        """At once, and not when the time to boot is over."""
        for fault in kernel_faults(self.machine.files.console):
            if fault.is_fatal:
                pytest.fail(f"{self.spec.instance_id} cannot be reached by ssh: {fault}")


def until_it_works(attempt: Callable[[], T], timeout_s: float) -> T:
    """The first result of attempt that is neither false nor an error; its last error after timeout_s."""
    end = time.monotonic() + timeout_s
    while True:
        try:
            if result := attempt():
                return result
            problem: Exception = AssertionError("it never became true")
        except (OSError, EOFError, paramiko.SSHException, AssertionError) as caught:
            problem = caught
        if time.monotonic() > end:
            raise problem
        time.sleep(0.1)


def _private(key: Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


def _public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
