"""What is in the image: the users' Python, JupyterHub, the provisioners."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field

from build.manifest.schema import fields as f
from build.manifest.schema.environments import SharedEnvironment
from build.manifest.schema.fields import Section

Distribution = Literal["venv", "miniforge", "anaconda"]
Extension = Literal["ipywidgets", "nbgitpuller", "jupyter-resource-usage"]


class Checksums(Section):
    """sha256 of an installer, by the name uname -m has for the processors."""

    x86_64: f.Sha256 | None = Field(default=None, description="Of the file for x86_64")
    aarch64: f.Sha256 | None = Field(default=None, description="Of the file for arm64")


class Installer(Section):
    """One release of a distribution: a shell script that unpacks itself."""

    version: f.InstallerVersion = Field(description="Version, as in the file's name")
    python: f.PythonVersion | None = Field(
        default=None, description="Version of the Python in it, which packages are locked for"
    )
    urls: Annotated[tuple[f.InstallerUrl, ...], Field(min_length=1)] = Field(
        description="URLs, tried in this order; {version} and {arch} are filled in"
    )
    sha256: Checksums = Field(description="Checksums; a file with another one is never run")


class Installers(Section):
    """The installers of the distributions that have one."""

    anaconda: Installer | None = Field(default=None, description="Anaconda's")
    miniforge: Installer | None = Field(default=None, description="Miniforge's")


WITH_CONDA = frozenset(Installers.model_fields)
"""The distributions that have an installer, which brings conda."""


class Python(Section):
    """The users' environment, /opt/anaconda."""

    distribution: Distribution = Field(default="venv", description="How the environment is made")
    accept_terms: bool = Field(
        default=False, description="true: you have accepted Anaconda's terms, which only you can do"
    )
    installers: Installers = Field(
        default_factory=Installers, description="The installers of miniforge and anaconda"
    )
    channels: f.CondaChannels = Field(
        default=("conda-forge",), description="Where conda finds packages, while building and for every user"
    )
    conda_packages: f.CondaPackages = Field(
        default=(), description="Packages that conda installs, such as numpy=2.1"
    )
    packages: f.Packages = Field(
        default=(), description="Packages that pip installs besides JupyterLab, such as pandas>=2"
    )
    extensions: tuple[Extension, ...] = Field(
        default=get_args(Extension),
        description="Extensions of JupyterLab: widgets, links that fetch a git repository, and the memory "
        "and processors in use; [] for none",
    )
    requirements: f.RelativeFile | None = Field(
        default=None, description="A requirements.txt beside the manifest, with more packages for pip"
    )
    environment: f.RelativeFile | None = Field(
        default=None,
        description="An environment.yml beside the manifest, with more packages for conda and pip; its "
        "channels go first",
    )
    environments: tuple[SharedEnvironment, ...] = Field(
        default=(), description="Environments for everybody beside it, each offered as a kernel by its name"
    )


def _version_floor(value: str) -> str | None:
    """6.1.1 mends GHSA-hx46-2cv3-mh6g and the token regression after it; 5.5.4 is the same for series 5."""
    parts = tuple(int(part) for part in re.findall(r"\d+", value)[:3])
    if not re.fullmatch(r"\d+\.\d+\.\d+", value):
        return "should be a full version such as 6.1.1, in quotes"
    fixed = parts >= (6, 1, 1) or (5, 5, 4) <= parts < (6, 0, 0)
    return (
        None
        if fixed
        else "has known security holes: take 6.1.1 or newer (or 5.5.4 and newer of the 5 series)"
    )


class Network(Section):
    """What users' servers reach, and from which addresses; each user's servers have their own namespace."""

    addresses: f.UserNetwork = Field(
        default="100.64.0.0/10",
        description="Network from which users' servers get their addresses; nothing else of the machine "
        "may use it",
    )
    internet: bool = Field(default=True, description="Let users' servers connect to the internet")
    allowed: f.PrivateNetworks = Field(
        default=(),
        description=(
            "Private networks that users' servers may reach, such as [10.0.0.0/16]; link-local addresses "
            "stay closed"
        ),
    )
    connections: int = Field(
        default=4000,
        ge=100,
        le=100_000,
        description="Connections that the servers of one user may have open at once",
    )


class Hub(Section):
    """JupyterHub's own settings, baked into /etc/jupyterhub; subdomains are set when a hub is launched."""

    version: Annotated[str, f.checked(_version_floor)] | None = Field(
        default=None, description="Exact JupyterHub version; null: the provisioner's own"
    )
    admin_users: f.UserNames = Field(
        default=(),
        description=(
            "Who administers the hub in the browser; missing accounts are created, without a password"
        ),
    )
    default_url: f.UrlPath = Field(default="/lab", description="Where users land after the login")
    cpu_limit: f.CpuLimit | None = Field(
        default="75%",
        description=(
            "Processors of one user, all servers together: a number, or a share of the machine's; null: no "
            "limit"
        ),
    )
    mem_limit: f.Memory | None = Field(
        default="50%",
        description=(
            "Memory of one user, all servers together, such as 2G, or a share of the machine's; null: no "
            "limit"
        ),
    )
    disk_limit: f.DiskLimit | None = Field(
        default="10G",
        description=(
            "Disk space of one user on the data volume, such as 10G, with one file for each 16 KiB of it; "
            "null: no limit. `invoke users --disk-limit` changes one user's"
        ),
    )
    tasks_limit: int = Field(
        default=1000, ge=50, le=100_000, description="Processes and threads of one user, all servers together"
    )
    concurrent_starts: f.Starts = Field(
        default="100%",
        description=(
            "How many servers start at once: a number, or a share of the machine's processors; others wait "
            "in a queue"
        ),
    )
    named_servers: int = Field(
        default=5, ge=0, le=100, description="Servers a user may have beside the default one"
    )
    idle_timeout_minutes: f.Minutes | None = Field(
        default=120,
        description=(
            "Stop a server that has not been used for this long; an open tab, a busy kernel and any program "
            "that computes count as use. null: never"
        ),
    )
    idle_kernel_timeout_minutes: f.Minutes | None = Field(
        default=None,
        description=(
            "End a kernel that has run no cell for this long, with or without an open tab; null: never"
        ),
    )
    shutdown_on_logout: bool = Field(default=True, description="Stop a user's server at logout")
    environment: f.Environment = Field(
        default={}, description="Environment variables every user's server gets"
    )
    subdomains: bool = Field(
        default=False,
        description=(
            "Give each user's servers a host name of their own, https://NAME.DOMAIN; `launch` creates the "
            "DNS record, and the certificate is for these names too"
        ),
    )
    network: Network = Field(default_factory=Network, description="The network of users' servers")


def _by_name(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class ProvisionerEntry(Section):
    """One entry of `provisioners`; a bare name is short for {name: …}."""

    name: f.ProvisionerName = Field(description="Folder below provisioners/")
    variables: Annotated[Mapping[str, Any], f.Frozen, f.Thawed] = Field(
        default={}, description="Values for its variables"
    )
    timeout_minutes: f.Minutes | None = Field(
        default=None, description="Time limit instead of the one in its provisioner.yaml"
    )


Provisioners = tuple[
    Annotated[ProvisionerEntry, BeforeValidator(_by_name, json_schema_input_type=str | ProvisionerEntry)], ...
]
