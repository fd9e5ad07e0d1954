"""The installer of the users' Python, looked for before anything is launched: later costs half an hour.

It is the builder that downloads it, so only what is certain is an error: that every address was asked and
none has it. What this machine cannot see (a mirror of the builder's network, a file on the builder) is said,
and left to the builder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import requests

from build.bake.state import Bake
from build.manifest import Manifest, ProvisionerUse
from build.manifest.schema import ARCH
from build.pipeline import Step

_FILE = "file://"
_CONNECT_S, _READ_S = 4, 10
_LOOPBACK = re.compile(r"localhost$|127\.|\[?::1\]?$")


@dataclass(frozen=True)
class ChosenInstaller:
    """Its distribution and its addresses for the base image's processors, in the order of the builder."""

    distribution: str
    urls: tuple[str, ...]

    @property
    def key(self) -> str:
        """Where the addresses are in the manifest."""
        return f"python.installers.{self.distribution}.urls"


@dataclass(frozen=True)
class Availability:
    """Whether a URL leads to a file, as far as this machine can tell: the builder may see more, or less.

    ``exists`` is None where nobody can tell from here; ``why`` says what was seen instead of a file.
    """

    exists: bool | None
    why: str = ""


class CheckInstaller(Step[Bake]):
    """See whether an address has the installer, unless the layer has its Python already.

    Needs: layer.
    """

    title = "look for the installer"

    def run(self, state: Bake) -> None:
        """Raises ManifestError when no address has it."""
        uses = state.manifest.provisioners
        for number, use in enumerate(uses):
            installer = installer_of(use, state.manifest.base.architecture)
            if installer is None or (state.layer and number < state.layer.depth):
                continue
            found = [
                (url, availability_of(url, [each.folder for each in uses[: number + 1]]))
                for url in installer.urls
            ]
            for words in warnings(installer, found, state.manifest):
                state.report.warn(words)


def installer_of(use: ProvisionerUse, architecture: str) -> ChosenInstaller | None:
    """What a provisioner of the users' packages will download, if its distribution has an installer."""
    distribution = str(use.values.get("distribution"))
    installers = cast(Mapping[str, Any], use.values.get("installers") or {})
    if not use.definition.lock or not installers.get(distribution):
        return None
    release = installers[distribution]
    fill = {"{version}": str(release["version"]), "{arch}": ARCH[architecture]}
    return ChosenInstaller(
        distribution,
        tuple(re.sub(r"\{(version|arch)\}", lambda name: fill[name[0]], url) for url in release["urls"]),
    )


def availability_of(url: str, folders: Sequence[Path]) -> Availability:
    """Whether it is there; ``folders`` are the provisioners' whose files are on the builder by then."""
    if url.startswith(_FILE):
        path = url.removeprefix(_FILE).lstrip("/")
        brought = any((folder / "files" / path).is_file() for folder in folders)
        return (
            Availability(True)
            if brought
            else Availability(None, "no provisioner brings it, so the base image has to")
        )
    if _LOOPBACK.match(urlsplit(url).hostname or ""):
        return Availability(None, "is the builder itself")
    return probe_url(url)


def probe_url(url: str) -> Availability:
    """Ask for the first byte, as a download would (some mirrors know no HEAD). Raises nothing."""
    try:
        with requests.get(
            url, stream=True, timeout=(_CONNECT_S, _READ_S), headers={"Range": "bytes=0-0"}
        ) as answer:
            status, reason = answer.status_code, f"{answer.status_code} {answer.reason}".strip()
    except requests.Timeout:
        return Availability(None, "no answer")
    except requests.ConnectionError:
        return Availability(None, "cannot be reached")
    except requests.RequestException as exc:
        return Availability(None, str(exc))
    if status in (requests.codes.not_found, requests.codes.gone):
        return Availability(False, reason)
    return Availability(True) if status < requests.codes.bad_request else Availability(None, reason)


def warnings(
    installer: ChosenInstaller, found: Sequence[tuple[str, Availability]], manifest: Manifest
) -> Iterator[str]:
    """What the operator should know although the build goes on. Raises ManifestError where it cannot."""
    seen = "; ".join(f"{url}: {availability.why}" for url, availability in found if not availability.exists)
    if all(availability.exists is False for _, availability in found):
        raise manifest.problem(tuple(installer.key.split(".")), f"no address has the installer: {seen}")
    if not any(availability.exists for _, availability in found):
        yield f"{installer.key}: this machine cannot see the installer, so the builder will try ({seen})"
        return
    yield from (
        f"{installer.key}: {url}: {availability.why}; another address has it"
        for url, availability in found
        if availability.exists is False
    )
