"""conda's packages, worked out by py-rattler for machines that are not this one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from build import paths
from build.errors import HubsmithError, UserError
from build.manifest.packages.lockfile_format import CONDA_ENTRY
from build.manifest.schema import Arch

ADDRESS = "https://conda.anaconda.org"
"""What conda itself puts in front of the names of channels."""
_DEFAULTS = ("https://repo.anaconda.com/pkgs/main", "https://repo.anaconda.com/pkgs/r")
"""What conda takes the channel `defaults` for (its setting default_channels)."""
_SUBDIR = {"x86_64": "linux-64", "aarch64": "linux-aarch64"}
_SOLVER = Path(__file__).with_name("conda_solver.py")


@dataclass(frozen=True)
class Record:
    """One package: ``entry`` is its line in the lock, ``is_python`` whether pip sees it too."""

    name: str
    version: str
    is_python: bool
    entry: str


def solve(
    channels: Sequence[str],
    wanted: Sequence[str],
    arch: Arch,
    python: str | None,
    before: str = "",
    mirror: str | None = None,
) -> list[Record]:
    """What conda has to install for ``wanted``, by name; Python, if it is among it, is of the version
    ``python``, or any where that is None.

    ``before`` are earlier entries that are kept where they fit; ``mirror`` stands in front of channel names.
    Raises UserError when the packages do not exist or do not fit together, HubsmithError when a channel does
    not answer or py-rattler is not there.
    """
    if not wanted:
        return []
    if find_spec("rattler") is None:
        raise HubsmithError(
            "conda packages are locked by py-rattler, which is not installed",
            hint=f"{sys.executable} -m pip install --require-hashes -r requirements-dev.txt",
        )
    address = (mirror or ADDRESS).rstrip("/")
    question: dict[str, object] = {
        "channels": [url for channel in channels for url in _urls(channel, address)],
        "specs": [_with_address(spec, address) for spec in wanted],
        "constraints": [f"python {python}.*"] if python else [],
        "platforms": [_SUBDIR[arch], "noarch"],
        "machine": arch,
        "kept": [_url(found["package"], address) for found in CONDA_ENTRY.finditer(before)],
        "cache": str(paths.cache_dir() / "conda"),
    }
    return sorted(_records(_ask(question, arch), address), key=lambda record: record.name)


def _urls(channel: str, address: str) -> Sequence[str]:
    return _DEFAULTS if channel == "defaults" else (_url(channel, address),)


def _url(channel: str, address: str) -> str:
    return channel if "://" in channel else f"{address}/{channel}"


def _with_address(spec: str, address: str) -> str:
    """`channel::package` with the address of the channel."""
    return re.sub(r"^([\w.-]+)::", lambda found: f"{_url(found[1], address)}::", spec)


def _ask(question: dict[str, object], arch: Arch) -> list[dict[str, Any]]:
    """In a process of its own: py-rattler's threads were seen to crash when the interpreter ends first."""
    with TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "question.json", Path(folder) / "answer.json"
        asked.write_text(json.dumps(question), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, str(_SOLVER), str(asked), str(answered)],
            capture_output=True,
            text=True,
            check=False,
        )
        if not answered.exists():
            raise HubsmithError(
                f"conda packages could not be locked for {arch}: "
                f"{done.stderr.strip()[-500:] or done.returncode}"
            )
        answer = json.loads(answered.read_text(encoding="utf-8"))
    if "error" in answer:
        raise _refusal(answer, arch)
    records: list[dict[str, Any]] = answer["records"]
    return records


def _refusal(answer: dict[str, Any], arch: Arch) -> HubsmithError:
    reason = "; ".join(line.strip() for line in answer["error"].splitlines() if line.strip())
    if answer["input"]:
        return UserError(
            f"conda packages cannot be locked for {arch}: {reason}",
            hint="nothing was changed; correct the manifest",
        )
    where = "python.channels, their address is builder.mirrors.conda"
    return HubsmithError(
        f"conda packages could not be locked for {arch}: {reason}",
        hint=f"nothing was changed; channels are {where}",
    )


def _records(found: list[dict[str, Any]], address: str) -> Iterator[Record]:
    for record in found:
        url = str(record["url"])
        if not record["sha256"]:
            raise UserError(f"conda packages cannot be locked: {url} has no sha256 in its channel")
        entry = f"{url.removeprefix(address + '/')}#sha256:{record['sha256']}"
        yield Record(str(record["name"]), str(record["version"]), bool(record["is_python"]), entry)
