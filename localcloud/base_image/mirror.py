"""Where Debian's packages come from: the mirror this machine's own apt uses, third parties left out.

On a machine that is not Debian, mmdebstrap's default mirror.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from localcloud.base_image import tools

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
HOST_AS_SEEN_BY_GUESTS = "169.254.0.1"
_FORMAT = "$(ORIGIN)|$(LABEL)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(CREATED_BY)"
_LOOPBACK = re.compile(r"localhost$|127\.|\[?::1\]?$")


@dataclass(frozen=True)
class Source:
    """One suite of one archive, main component only."""

    uri: str
    suite: str

    def line(self) -> str:
        """As a line of sources.list."""
        return f"deb [signed-by={KEYRING}] {self.uri} {self.suite} main"

    def paragraph(self) -> str:
        """As a paragraph of a guest's .sources file: this machine's loopback is named as guests see it."""
        return (
            f"Types: deb\nURIs: {seen_by_guest(self.uri)}\nSuites: {self.suite}\nComponents: main\n"
            f"Signed-By: {KEYRING}\n"
        )


def sources(release: str) -> list[Source]:
    """The suites of a Debian release ("trixie"): itself, updates and, if the host has them, security."""
    archives = host_archives(_indextargets())
    if "Debian" not in archives:
        return _defaults(release)
    found = [Source(archives["Debian"], release), Source(archives["Debian"], f"{release}-updates")]
    if "Debian-Security" in archives:
        found.append(Source(archives["Debian-Security"], f"{release}-security"))
    return found


def host_archives(index_targets: str) -> dict[str, str]:
    """The mirrors of Debian's archives by label ("Debian", "Debian-Security"), of `apt-get indextargets`.

    Where no package list was ever fetched apt knows neither origin nor label; then the last part of the
    address tells.
    """
    archives: dict[str, str] = {}
    for line in index_targets.splitlines():
        origin, label, uri, _release, component, created_by = line.split("|")
        if created_by != "Packages" or component != "main" or not uri.startswith(("http://", "https://")):
            continue
        if origin.startswith("$"):
            origin, label = (
                "Debian",
                {"debian": "Debian", "debian-security": "Debian-Security"}.get(
                    uri.rstrip("/").rpartition("/")[2], ""
                ),
            )
        if origin == "Debian" and label in ("Debian", "Debian-Security"):
            archives.setdefault(label, uri.rstrip("/"))
    return archives


def seen_by_guest(uri: str) -> str:
    """The same address from inside a guest, where the host's loopback has another name."""
    parts = urlsplit(uri)
    if not _LOOPBACK.match(parts.hostname or ""):
        return uri
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit(parts._replace(netloc=HOST_AS_SEEN_BY_GUESTS + port))


def proxy_settings() -> dict[str, str]:
    """The proxies of the host's apt, by option name; usually none."""
    if not shutil.which("apt-config"):
        return {}
    dump = tools.run(["apt-config", "dump", "Acquire"], "read the configuration of apt")
    return dict(re.findall(r'^(Acquire::https?::Proxy) "([^"]+)";$', dump, re.MULTILINE))


def as_apt_conf(settings: Mapping[str, str], *, for_guest: bool) -> list[str]:
    """Proxy settings as lines of apt.conf."""
    return [f'{name} "{seen_by_guest(value) if for_guest else value}";' for name, value in settings.items()]


def _indextargets() -> str:
    if not shutil.which("apt-get"):
        return ""
    return tools.run(
        ["apt-get", "indextargets", "--format", _FORMAT], "read the package sources of this machine"
    )


def _defaults(release: str) -> list[Source]:
    """What mmdebstrap would take by itself, read off a run that downloads nothing."""
    listing = tools.run(
        ["mmdebstrap", "--quiet", "--variant=custom", "--skip=update,cleanup,check/signed-by",
         "--format=null", '--setup-hook=cat "$1/etc/apt/sources.list" >&2', release, "/dev/null"],
        "ask mmdebstrap for its default mirror",
    )  # fmt: skip
    return list(parse_one_line_sources(listing.splitlines()))


def parse_one_line_sources(lines: Iterable[str]) -> Iterable[Source]:
    """The `deb` lines of a sources.list."""
    for line in lines:
        found = re.match(r"deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)", line)
        if found:
            yield Source(found[1], found[2])
