"""SystemdSpawner with a unit for each server, in its user's slice and network, for open accounts only."""

from __future__ import annotations

import pwd
import shutil
from pathlib import Path
from typing import Any

from jupyterhub.orm import APIToken
from systemdspawner import SystemdSpawner, systemd
from tornado import web

from hubsmith_hub import accounts, clean_start, disk_limits, home, network, systemctl, temporary
from hubsmith_hub.units import slice_name, unit_name

# Where SystemdSpawner writes each server's environment. Its own place is the unit's runtime directory, which
# systemd gives to the user: a link there would be followed by root, a FIFO would stop the hub.
systemd.RUN_ROOT = "/run/hubsmith/environment"


class HubsmithSpawner(SystemdSpawner):
    """Users' servers are units named after user and server; SystemdSpawner itself has one name for all
    servers of a user.
    """

    unit_extra_properties: dict[str, Any]
    _token_id: int | None = None
    _clean = False

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        if self.user is not None:
            self.unit_name = unit_name(self.user.name, self.name)
            # Without it the journal names the program, the same for everybody.
            self.unit_extra_properties = {**self.unit_extra_properties, "SyslogIdentifier": self.unit_name}

    async def start(self) -> tuple[str, int]:
        """Start the unit; (address, port).

        Raises HTTPError, which the hub's page shows, for an account that may have no server.
        """
        if problem := accounts.refusal(self.user.name):
            raise web.HTTPError(403, problem)
        account = pwd.getpwnam(self.user.name)
        uid = account.pw_uid
        self._clean = clean_start.take(self)
        await systemctl.gone(self.unit_name)
        try:
            home.prepare(account)
        except home.HomeError as exc:
            error = web.HTTPError(500, "%s", exc)
            error.jupyterhub_message = str(exc)  # what the page of a failed start shows
            raise error from exc
        await self._bound_user(uid)
        await self._enter_network(uid)
        disk_limits.try_to_apply(self.user.name)
        self.unit_extra_properties = temporary.properties(uid, self.unit_name, self.unit_extra_properties)
        self._note_token()
        try:
            started: tuple[str, int] = await super().start()
        finally:
            # Read when the unit started, which was before this.
            shutil.rmtree(Path(systemd.RUN_ROOT) / self.unit_name, ignore_errors=True)
        return started

    def get_env(self) -> dict[str, str]:
        """SystemdSpawner.start() has just drawn a port of the machine; the user's namespace counts."""
        others = [spawner for spawner in self.user.spawners.values() if spawner is not self]
        self.port = network.port_beside(
            {*(one.port for one in others), *(one.server.port for one in others if one.server)}
        )
        environment: dict[str, str] = super().get_env()
        return environment | clean_start.environment(clean=self._clean)

    def options_from_query(self, query_data: dict[str, Any]) -> object:
        """As JupyterHub has it, but for what only a form may ask."""
        return super().options_from_query(clean_start.without(query_data))

    def get_state(self) -> dict[str, Any]:
        """With which of the user's tokens is the server's own (see sessions.py)."""
        return {**super().get_state(), "token_id": self._token_id}

    def load_state(self, state: dict[str, Any]) -> None:
        """Undo `get_state`."""
        super().load_state(state)
        self._token_id = state.get("token_id")

    async def _bound_user(self, uid: int) -> None:
        """The limits hold for all servers of the user together: a slice of that user has them."""
        self.slice = slice_name(uid)
        await systemctl.limit(self.slice, self._limits())

    def _limits(self) -> dict[str, str]:
        memory = str(self.mem_limit) if self.mem_limit is not None else "infinity"
        processors = f"{int(self.cpu_limit * 100)}%" if self.cpu_limit is not None else ""
        return {
            "MemoryMax": memory,
            "CPUQuota": processors,
            "TasksMax": str(self.unit_extra_properties.get("TasksMax", "infinity")),
        }

    async def _enter_network(self, uid: int) -> None:
        """All servers of a user are in one network namespace, where nobody else can listen or connect."""
        self.ip = network.address_of(uid)
        self.unit_extra_properties = network.properties(uid, self.unit_extra_properties)
        await network.settled(uid)

    def _note_token(self) -> None:
        token = APIToken.find(self.user.db, self.api_token)
        self._token_id = token.id if token else None
