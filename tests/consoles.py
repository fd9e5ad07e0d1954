"""Recorded consoles, and an EC2 that has one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

FOLDER = Path(__file__).parent / "unit" / "consoles"
PANIC = "the machine's kernel panicked 35.3 s after its start: Oops: int3: 0000 [#1] PREEMPT SMP NOPTI"


def recorded(name: str) -> str:
    """As it was printed, with carriage returns and escape sequences."""
    return (FOLDER / f"{name}.txt").read_bytes().decode()


@dataclass
class Ec2:
    """EC2 as far as consoles go; ``console`` may be replaced, ``refuses`` is the code of every answer."""

    console: str = ""
    refuses: str = ""
    nitro: bool = True
    asked: int = 0

    def get_console_output(self, *, InstanceId: str, Latest: bool = False) -> dict[str, str]:  # EC2's names
        self.asked += 1
        code = self.refuses or ("UnsupportedOperation" if Latest and not self.nitro else "")
        if code:
            raise ClientError({"Error": {"Code": code}}, "GetConsoleOutput")
        return {"InstanceId": InstanceId, "Output": self.console}
