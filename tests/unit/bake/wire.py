"""The other end of a build's wires, for recording.py: EC2 and a builder's sshd, as far as a build that goes
well asks them.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import boto3

from build.bake import scripts, user_data
from build.bake.state import Bake

_SCRIPTS = {
    scripts.RUN_INSTALL.read_bytes(): "the script that runs install.sh",
    scripts.LAYER.read_bytes(): "the script that takes layers",
    scripts.SEAL.read_bytes(): "the script that seals",
    scripts.LIST_PACKAGES.read_bytes(): "the script that lists packages",
}
"""The content of the first three counts by itself (builder_version.py), the last one only looks."""
_NOT_IN_THE_IMAGE = {
    "Name", "Description", "TagSpecifications", "ClientToken", "NetworkInterfaces", "InstanceType",
    "MinCount", "MaxCount",
    "InstanceInitiatedShutdownBehavior",
}  # fmt: skip
"""Parameters of EC2's calls: what a thing is called and costs, how it is reached and how it ends.

Some count as settings (inputs.py).
"""
_SNAPSHOT_ID, _BUILDER_ID, _IMAGE_ID = "snap-layer", "i-builder", "ami-made"


class Wire:
    """Answers in place of EC2 and of the machine's sshd, and keeps what arrives as lines of text."""

    def __init__(self, *, layer_tags: Mapping[str, str] | None) -> None:
        self.log: list[str] = []
        self.state: Bake | None = None
        self._layer_tags, self._builder = layer_tags, "running"

    def ec2(self) -> Any:
        """A client that never leaves this process; botocore still checks its parameters."""
        client = boto3.Session().client(
            "ec2", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        client.meta.events.register("provide-client-params.ec2.*", self._called)
        # What it returns is the answer, which types-boto3 does not know of.
        answered: Any = self._answered
        client.meta.events.register("before-call.ec2.*", answered)
        return client

    def _called(self, params: Mapping[str, Any], model: Any, **_: object) -> None:
        if not model.name.startswith(("Describe", "Get")):
            in_image = sorted(each for each in params.items() if each[0] not in _NOT_IN_THE_IMAGE)
            self.log.append(f"EC2 {model.name}")
            self.log += [f"    {name}: {self._value(name, value)}" for name, value in in_image]

    def _value(self, name: str, value: object) -> str:
        assert self.state is not None
        if name != "UserData":
            return json.dumps(value, sort_keys=True)
        for forget in (False, True):
            minutes = int((self.state.run.expires - self.state.run.started).total_seconds() // 60)
            known = user_data.render(
                host_key=self.state.host_keys[-1],
                run_key=self.state.run.key,
                shutdown_after_minutes=minutes,
                forget_keys=forget,
            )
            if value == known:
                return f"the user data, with forget_keys={forget}"
        return repr(value)

    def _answered(self, model: Any, params: Mapping[str, Any], **_: object) -> tuple[object, object]:
        self._builder = "stopped" if model.name == "StopInstances" else self._builder
        return SimpleNamespace(status_code=200), self._answers(params["body"]).get(model.name, {})

    def _answers(self, asked: Mapping[str, Any]) -> dict[str, object]:
        disk = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeId": "vol-root", "SnapshotId": _SNAPSHOT_ID}}
        image = {
            "ImageId": _IMAGE_ID, "State": "available", "Architecture": "x86_64", "EnaSupport": True,
            "SriovNetSupport": "simple",
            "BootMode": "uefi-preferred", "ImdsSupport": "v2.0", "BlockDeviceMappings": [disk],
        }  # fmt: skip
        machine = {
            "InstanceId": _BUILDER_ID, "State": {"Name": self._builder}, "PublicIpAddress": "127.0.0.1",
            "RootDeviceName": "/dev/xvda",
            "BlockDeviceMappings": [disk],
        }  # fmt: skip
        layer = {
            "SnapshotId": _SNAPSHOT_ID, "State": "completed", "VolumeSize": 9, "Encrypted": True,
            "StartTime": datetime.now(timezone.utc),
            "Tags": [{"Key": key, "Value": value} for key, value in (self._layer_tags or {}).items()],
        }  # fmt: skip
        return {
            "DescribeSnapshots": {"Snapshots": [layer] if self._layer_tags else []},
            "DescribeImages": {"Images": [image] if "ImageId.1" in asked else []},
            "RegisterImage": {"ImageId": "ami-layer"},
            "RunInstances": {"Instances": [machine]},
            "DescribeInstances": {"Reservations": [{"Instances": [machine]}]},
            "CreateSnapshot": {"SnapshotId": "snap-new"},
            "CreateImage": {"ImageId": _IMAGE_ID},
        }


class Channel:
    """A channel of paramiko's whose other end is Wire: each command succeeds; one that is held says so until
    its input ends.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire, self._output, self._ended, self.closed = wire, b"", True, False

    def exec_command(self, command: str) -> None:
        self._wire.log.append(f"ssh {command}")
        if "boot_id" in command:
            self._output = b"boot\n"
        if " hold" in command:
            self._output, self._ended = b"still\n", False

    def sendall(self, data: bytes) -> None:
        self._wire.log += [f"    {line}" for line in _shown(data)]

    def shutdown_write(self) -> None:
        self._wire.log.append("    (its standard input ends)")
        self._ended = True

    def exit_status_ready(self) -> bool:
        return self._ended

    def recv_ready(self) -> bool:
        return bool(self._output)

    def recv(self, _: int) -> bytes:
        output, self._output = self._output, b""
        return output

    def recv_exit_status(self) -> int:
        return 0

    def close(self) -> None:
        self.closed = True


def _shown(data: bytes) -> Iterator[str]:
    """What goes to a command's standard input: a script by name, an archive by its content, else text."""
    if data in _SCRIPTS:
        yield f"<{_SCRIPTS[data]}>"
    elif b"ustar" in data[:512]:
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for one in tar:
                owned = f"{one.uname}:{one.gname} {one.uid}:{one.gid} {one.mode:o} mtime {one.mtime}"
                yield (
                    f"{one.name}{f' -> {one.linkname}' if one.linkname else ''}  type {one.type.decode()} "
                    f"{owned}"
                )
                content = tar.extractfile(one) if one.isfile() else None
                yield from (f"    {line}" for line in _shown(content.read())) if content else ()
    else:
        yield from data.decode().splitlines()
