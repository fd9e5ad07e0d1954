"""User data for cloud-init, as a #cloud-config: what an instance is told at its first boot."""

from __future__ import annotations

from collections.abc import Mapping

from build.manifest.yaml.write import as_text


def render(config: Mapping[str, object], *comments: str) -> str:
    """The user data, with the comments in its first lines; ASCII only, as EC2 and every guest pass it on."""
    lines = ["#cloud-config", *(f"# {comment}" for comment in comments)]
    return "\n".join(lines) + "\n" + as_text(dict(config), ascii_only=True)


def file(path: str, content: str) -> dict[str, str]:
    """An entry of write_files: root's own, which everybody may read."""
    return {"path": path, "owner": "root:root", "permissions": "0644", "content": content}
