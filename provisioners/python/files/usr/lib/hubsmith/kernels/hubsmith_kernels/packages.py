"""What is in an environment, as requirements of pip, and installing it into another."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from tempfile import NamedTemporaryFile

# By the environments that earlier images made; those of today have no pip unless their users installed one.
_BROUGHT_BY_VENV = {"pip", "setuptools", "wheel"}
# A registry that is not there is told after seconds, for each package.
_PIP = ["install", "--quiet", "--disable-pip-version-check", "--no-input", "--retries=1", "--timeout=20"]


@dataclass(frozen=True)
class Restored:
    """What came back in another version (before, now), and what did not."""

    changed: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()


def installed(folder: Path) -> dict[str, str]:
    """{name: requirement} of what pip has installed into this site-packages.

    No Python of the environment is asked: it may be gone.
    """
    found = {}
    for one in distributions(path=[str(folder)]):
        try:
            name, requirement = plain(one.metadata["Name"]), _requirement(one)
        except (KeyError, TypeError, ValueError, AttributeError, OSError):  # half installed, or half removed
            continue
        found[name] = requirement
    brought = _BROUGHT_BY_VENV if "pip" in found else set()
    return {name: found[name] for name in sorted(found.keys() - brought)}


def restore(python: Path, wanted: Iterable[str]) -> Restored:
    """Install these requirements; each by itself where they do not all fit this Python.

    A version that cannot be had gives way to the newest one that can.
    """
    requirements = list(wanted)
    if not requirements or _install(python, requirements, "--no-deps"):
        return Restored()
    changed, missing = [], []
    for requirement in requirements:
        name, pinned, _ = requirement.partition("==")
        if _install(python, [requirement], "--no-deps"):
            continue
        if pinned and _install(python, [name]):
            changed.append((requirement, name))
        else:
            missing.append(requirement)
    return Restored(tuple(changed), tuple(missing))


def name_of(requirement: str) -> str:
    """The name in what `installed` returns; of a folder (-e) its path."""
    return plain(re.split(r"==| @ ", requirement, maxsplit=1)[0])


def plain(name: str) -> str:
    """The name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _requirement(one: Distribution) -> str:
    name, origin = one.metadata["Name"], json.loads(one.read_text("direct_url.json") or "{}")
    if not origin:
        return f"{name}=={one.version}"
    if origin.get("dir_info", {}).get("editable"):
        return f"-e {origin['url']}"
    if "vcs_info" in origin:
        facts = origin["vcs_info"]
        return f"{name} @ {facts['vcs']}+{origin['url']}@{facts['commit_id']}"
    return f"{name} @ {origin['url']}"


def _install(python: Path, requirements: list[str], *options: str) -> bool:
    with NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as listed:
        listed.write("".join(f"{requirement}\n" for requirement in requirements))
        listed.flush()
        done = subprocess.run(
            [python, "-m", "pip", *_PIP, *options, "--requirement", listed.name],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    return done.returncode == 0
