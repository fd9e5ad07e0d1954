"""SystemdSpawner with a unit for each server, in its user's slice and network, for open accounts only."""

from __future__ import annotations

import pwd
import shutil
import time
from pathlib import Path
from typing import Any

from jupyterhub.orm import APIToken
from systemdspawner import systemd

from hubsmith_hub import (
    clean_start,
    disk_limits,
    first_answer,
    home,
    network,
    refused,
    stops,
    systemctl,
    temporary,
    unit_end,
)
from hubsmith_hub.queued import QueuedSpawner
from hubsmith_hub.units import slice_name, unit_name

_BEFORE_THE_TIMEOUT_S = 5
"""A start ends so long before JupyterHub would end it, which says less."""

# Where SystemdSpawner writes each server's environment. Its own place is the unit's runtime directory, which
# systemd gives to the user: a link there would be followed by root, a FIFO would stop the hub.
systemd.RUN_ROOT = "/run/hubsmith/environment"


class HubsmithSpawner(QueuedSpawner):
    """Users' servers are units named after user and server; SystemdSpawner itself has one name for all
    servers of a user.
    """

    unit_extra_properties: dict[str, Any]
    stopped_because = ""
    """Why somebody else than its user has stopped the server; empty once it has started again."""
    _token_id: int | None = None
    _launching = False
    _clean = False

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        if self.user is not None:
            self.unit_name = unit_name(self.user.name, self.name)
            # Without it the journal names the program, the same for everybody.
            self.unit_extra_properties = {**self.unit_extra_properties, "SyslogIdentifier": self.unit_name}

    async def start(self) -> tuple[str, int]:
        """Start the unit and return when it answers; (address, port).

        Raises HTTPError, which the hub's page shows: for an account that may have no server, and within
        seconds for a server that has ended.
        """
        self.refuse_others()
        began, deadline = time.time(), time.monotonic() + self.start_timeout - _BEFORE_THE_TIMEOUT_S
        account = pwd.getpwnam(self.user.name)
        uid = account.pw_uid
        self._clean = clean_start.take(self)
        await systemctl.gone(self.unit_name)
        try:
            home.prepare(account)
        except home.HomeError as exc:
            raise refused.error(500, str(exc)) from exc
        await self._bound_user(uid)
        await self._enter_network(uid)
        disk_limits.try_to_apply(self.user.name)
        self.unit_extra_properties = temporary.properties(uid, self.unit_name, self.unit_extra_properties)
        self._note_token()
        try:
            address = await self._launch()
            self._keep(address)
            self.answering = True
            await first_answer.wait(
                address, f"{self.server.base_url}api", self._is_running, deadline - time.monotonic()
            )
        except first_answer.Ended:
            raise await self._failure(began) from None
        except first_answer.TooLate:
            raise await self._failure(
                began, f"The server did not answer in {self.start_timeout} s."
            ) from None
        self.stopped_because = ""
        return address

    async def poll(self) -> int | None:
        """As JupyterHub has it. Raises Ended while SystemdSpawner waits for a unit that has ended already."""
        status: int | None = await super().poll()
        if status is not None and self._launching:
            raise first_answer.Ended
        return status

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
        """With which of the user's tokens is the server's own (see sessions.py), and why it was stopped."""
        return {**super().get_state(), "token_id": self._token_id, stops.KEY: self.stopped_because}

    def load_state(self, state: dict[str, Any]) -> None:
        """Undo `get_state`."""
        super().load_state(state)
        self._token_id = state.get("token_id")
        self.stopped_because = state.get(stops.KEY, "")

    async def _launch(self) -> tuple[str, int]:
        """Start the unit. Raises Ended when it has ended at once."""
        self._launching = True
        try:
            address: tuple[str, int] | None = await super().start()
        finally:
            self._launching = False
            # Read when the unit started, which was before this.
            shutil.rmtree(Path(systemd.RUN_ROOT) / self.unit_name, ignore_errors=True)
        if address is None:
            raise first_answer.TooLate
        return address

    def _keep(self, address: tuple[str, int]) -> None:
        """What JupyterHub keeps of a server that has started, before it has: a hub that is restarted
        meanwhile finds it.
        """
        self.server.ip, self.server.port = address
        self.orm_spawner.state = self.get_state()
        self.user.db.commit()

    async def _is_running(self) -> bool:
        return bool(await systemd.service_running(self.unit_name))

    async def _failure(self, began: float, message: str = "") -> Exception:
        """Why the server of this start does not run, or with a message why it is of no use."""
        service = f"{self.unit_name}.service"
        end = await unit_end.read(service, began, self.slice)
        return refused.error(500, message or unit_end.in_words(end, self.mem_limit), end.log())

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
