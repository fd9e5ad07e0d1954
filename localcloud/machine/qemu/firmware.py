"""UEFI firmware, found through the descriptors every distribution installs beside it.

Source: docs/interop/firmware.json in QEMU's tree; Debian and Ubuntu install OVMF's in
/usr/share/qemu/firmware.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from build.errors import MachineError

# In QEMU's order of precedence: a descriptor in a later folder is hidden by one of the same name in an
# earlier one.
FOLDERS = (
    Path("/etc/qemu/firmware"),
    Path("/usr/local/share/qemu/firmware"),
    Path("/usr/share/qemu/firmware"),
)
_UNWANTED = {"requires-smm", "enrolled-keys", "secure-boot"}


@dataclass(frozen=True)
class Firmware:
    """The code, shared and read-only, and the template of each machine's own variables; both raw."""

    code: Path
    variables: Path


def find_firmware(folders: tuple[Path, ...] = FOLDERS) -> Firmware:
    """The plain UEFI firmware for x86_64, without Secure Boot; raises MachineError when none is installed."""
    for descriptor in _descriptors(folders):
        if found := _suitable(descriptor):
            return found
    raise MachineError("no UEFI firmware for x86_64 is installed", hint="apt install ovmf")


def _descriptors(folders: tuple[Path, ...]) -> Iterator[dict[str, Any]]:
    by_name: dict[str, Path] = {}
    for folder in reversed(folders):
        by_name.update({path.name: path for path in folder.glob("*.json")})
    for _, path in sorted(by_name.items()):
        # An empty file hides a descriptor of the same name.
        if text := path.read_text().strip():
            yield json.loads(text)


def _suitable(descriptor: dict[str, Any]) -> Firmware | None:
    mapping = descriptor.get("mapping", {})
    machines = [
        machine
        for target in descriptor["targets"]
        if target["architecture"] == "x86_64"
        for machine in target["machines"]
    ]
    plain = "uefi" in descriptor["interface-types"] and not _UNWANTED & set(descriptor["features"])
    if (
        not plain
        or mapping.get("device") != "flash"
        or not any(machine.startswith("pc-q35") for machine in machines)
    ):
        return None
    if "nvram-template" not in mapping or {
        mapping["executable"]["format"],
        mapping["nvram-template"]["format"],
    } != {"raw"}:
        return None
    found = Firmware(
        code=Path(mapping["executable"]["filename"]), variables=Path(mapping["nvram-template"]["filename"])
    )
    return found if found.code.exists() and found.variables.exists() else None
