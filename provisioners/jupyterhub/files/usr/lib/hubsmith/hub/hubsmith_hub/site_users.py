"""Users whom a site's groups and roles name, as far as the hub may have them.

JupyterHub adds each of them at its start, and ends where the authenticator refuses one: so one that was
removed must not keep the hub from starting.
"""

from __future__ import annotations

import sys
from typing import Any

from hubsmith_machine import names

from hubsmith_hub import accounts
from hubsmith_hub.site_joins import RefusedError


def leave_out_refused(c: Any) -> None:  # noqa: ANN401  # traitlets' Config
    """Take out who may have no server, and say so. Raises RefusedError for what is not a name."""
    hub = dict.get(c, "JupyterHub", {})
    groups, roles = hub.get("load_groups"), hub.get("load_roles")
    if isinstance(groups, dict):
        hub["load_groups"] = {
            group: _of_group(group, content) if content else content for group, content in groups.items()
        }
    if isinstance(roles, list):
        hub["load_roles"] = [
            {**role, "users": _known(role["users"], "load_roles", str(role.get("name")))}
            if isinstance(role, dict) and role.get("users")
            else role
            for role in roles
        ]


def _of_group(group: str, content: Any) -> Any:  # noqa: ANN401
    """A group is {"users": […]}, and earlier was only that list."""
    if isinstance(content, list):
        content = {"users": content}
    if not isinstance(content, dict) or not content.get("users"):
        return content
    return {**content, "users": _known(content["users"], "load_groups", group)}


def _known(users: Any, setting: str, where: str) -> list[str]:  # noqa: ANN401
    kept = []
    for name in users:
        if problem := names.problem(str(name).lower()):
            raise RefusedError("JupyterHub", setting, f"c.JupyterHub.{setting}, {where}: {problem}")
        refusal = accounts.refusal(str(name).lower()) if accounts.exists(str(name).lower()) else None
        if refusal:
            print(f"c.JupyterHub.{setting}, {where}: {name} is left out: {refusal}", file=sys.stderr)
        else:
            kept.append(name)
    return kept
