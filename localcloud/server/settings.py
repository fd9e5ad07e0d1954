"""What the environment of `invoke cloud.up` says of the cloud that it starts."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast, get_args

from build.errors import UserError
from localcloud.iam import regions
from localcloud.machine.qemu.spec import Controller

DISKS_VARIABLE, ELASTIC_IPS_VARIABLE = "HUBSMITH_DISKS", "HUBSMITH_ELASTIC_IPS"
REGIONS_VARIABLE = "HUBSMITH_CLOUD_REGIONS"
CONSISTENCY_VARIABLE, SEED_VARIABLE = "HUBSMITH_CLOUD_CONSISTENCY", "HUBSMITH_CLOUD_SEED"
EVENTUAL, OFF = "eventual", "off"
CONSISTENCY_FILE = "consistency.json"
_SEED = re.compile(r"[\w.-]{1,64}", re.ASCII)


@dataclass(frozen=True)
class ConsistencySettings:
    """Whether new resources are unknown to some calls for a moment (``eventual``, or ``off``).

    ``seed`` decides to which, and for how long (localcloud/faults/consistency.py).
    """

    mode: str
    seed: str

    def __str__(self) -> str:
        return f"{self.mode}, seed {self.seed}" if self.mode == EVENTUAL else self.mode


def controller() -> Controller:
    """HUBSMITH_DISKS: the controller of the disks of machines that are started from now on."""
    wanted = os.environ.get(DISKS_VARIABLE) or "virtio-blk"
    if wanted not in get_args(Controller):
        raise UserError(
            f"{DISKS_VARIABLE} is {wanted!r}", hint=f"there are {' and '.join(get_args(Controller))}"
        )
    return cast(Controller, wanted)


def elastic_ip_limit() -> int | None:
    """HUBSMITH_ELASTIC_IPS: how many a region may have; None: as many as there are addresses."""
    wanted = os.environ.get(ELASTIC_IPS_VARIABLE) or None
    if wanted is not None and not wanted.isdecimal():
        raise UserError(
            f"{ELASTIC_IPS_VARIABLE} is {wanted!r}",
            hint="it is how many Elastic IPs the cloud may have in a region: a number",
        )
    return None if wanted is None else int(wanted)


def opted_in() -> frozenset[str]:
    """HUBSMITH_CLOUD_REGIONS: the regions that the account has enabled beside those that always are."""
    wanted = frozenset(filter(None, re.split(r"[\s,]+", os.environ.get(REGIONS_VARIABLE, ""))))
    if unknown := sorted(wanted - regions.served()):
        raise UserError(
            f"{REGIONS_VARIABLE}: the local cloud has no region {unknown[0]}",
            hint="names of regions, separated by commas: af-south-1,eu-south-2",
        )
    return wanted


def consistency(folder: Path) -> ConsistencySettings:
    """HUBSMITH_CLOUD_CONSISTENCY and HUBSMITH_CLOUD_SEED; what the cloud in the folder had where they are not
    set, else ``eventual`` and a random seed.
    """
    mode, seed = os.environ.get(CONSISTENCY_VARIABLE), os.environ.get(SEED_VARIABLE)
    if mode and mode not in (EVENTUAL, OFF):
        raise UserError(f"{CONSISTENCY_VARIABLE} is {mode!r}", hint=f"there are {EVENTUAL} and {OFF}")
    if seed and not _SEED.fullmatch(seed):
        hint = "letters, digits, _ . and -, 64 at most"
        raise UserError(f"{SEED_VARIABLE} is {seed!r}", hint=hint)
    kept = {}
    with contextlib.suppress(OSError, ValueError):
        kept = json.loads((folder / CONSISTENCY_FILE).read_text(encoding="utf-8"))
    return ConsistencySettings(
        mode or kept.get("mode", EVENTUAL), seed or kept.get("seed", secrets.token_hex(4))
    )


def keep_consistency(folder: Path, wanted: ConsistencySettings) -> None:
    """So that the next start of the cloud in the folder has the same."""
    draft = (folder / CONSISTENCY_FILE).with_suffix(".new")
    draft.write_text(json.dumps(asdict(wanted)), encoding="utf-8")
    draft.replace(folder / CONSISTENCY_FILE)
