"""Options of the proxy that hang on the launch data: made at each boot, for jupyterhub-proxy.service."""

from __future__ import annotations

from pathlib import Path

from hubsmith_machine import files
from hubsmith_machine.launch import Launch

OPTIONS = Path("/run/hubsmith/proxy.env")


def proxy_options(launch: Launch) -> None:
    """With subdomains routes begin with a host, and the proxy has to be told to look at it."""
    if launch.subdomains:
        OPTIONS.parent.mkdir(mode=0o755, exist_ok=True)
        files.write_private(OPTIONS, b"HOST_ROUTING=--host-routing\n")
    else:
        OPTIONS.unlink(missing_ok=True)
