"""A hub is known by its domain: what its resources are called and tagged with follows from it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from build import paths
from build.aws import tags
from build.errors import UserError

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_TOP = r"([a-z]{2,63}|xn--[a-z0-9-]{0,58}[a-z0-9])"  # of ICANN's: letters, two at least; RFC 3696, 2
_DOMAIN = re.compile(rf"({_LABEL}\.)+{_TOP}")
_ROLE_NAME_LENGTH = 64  # IAM, CreateRole


@dataclass(frozen=True)
class Hub:
    """One hub. ``domain`` is its name in DNS, small letters, without the final dot."""

    domain: str

    @classmethod
    def named(cls, domain: str) -> Hub:
        """The hub of that domain. Raises UserError when it cannot be the name of one."""
        name = domain.strip().rstrip(".").lower()
        if not name:
            raise UserError(
                "--domain is required", hint="--domain hub.example.org; `invoke hubs` lists the hubs"
            )
        if not _DOMAIN.fullmatch(name) or len(name) > 253:
            raise UserError(
                f"--domain {domain}: not a host name",
                hint=(
                    "such as hub.example.org: no https://, no path; names with other letters in their xn-- "
                    "form"
                ),
            )
        return cls(name)

    @property
    def url(self) -> str:
        """What a browser opens."""
        return f"https://{self.domain}"

    @property
    def wildcard(self) -> str:
        """The hosts of users, where each has one."""
        return f"*.{self.domain}"

    def names(self, *, subdomains: bool) -> tuple[str, ...]:
        """What its record and its certificate are for."""
        return (self.domain, self.wildcard) if subdomains else (self.domain,)

    @property
    def prefix(self) -> str:
        """Below it are all the hub's SSM parameters."""
        return f"/hubsmith/hubs/{self.domain}"

    def parameter(self, name: str) -> str:
        """The full name of one of them."""
        return f"{self.prefix}/{name}"

    @property
    def name(self) -> str:
        """Of its role, instance profile and security group; a long domain is shortened, unmistakably."""
        name = f"hubsmith-{self.domain}"
        if len(name) <= _ROLE_NAME_LENGTH:
            return name
        digest = hashlib.sha256(self.domain.encode()).hexdigest()[:12]
        return f"{name[: _ROLE_NAME_LENGTH - 13]}-{digest}"

    @property
    def tags(self) -> dict[str, str]:
        """What every resource of the hub carries from its creation on."""
        return {"Name": self.domain, tags.HUB: self.domain}

    @property
    def folder(self) -> Path:
        """What this machine keeps of it: the operator's key and the locks."""
        folder = paths.state_dir() / "hubs" / self.domain
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder
