"""SystemdSpawner with a unit for each of a user's servers, whatever characters are in their names."""

from __future__ import annotations

import pwd

from systemdspawner import SystemdSpawner

from hubsmith_hub import network
from hubsmith_hub.units import unit_name


class HubsmithSpawner(SystemdSpawner):
    """Users' servers are units named after user and server; SystemdSpawner itself has one name for all servers of a user.

    They run in a network namespace of their user.
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        if self.user is not None:
            self.unit_name = unit_name(self.user.name, self.name)
            # Without it the journal names the program, the same for everybody.
            self.unit_extra_properties = {**self.unit_extra_properties, "SyslogIdentifier": self.unit_name}

    async def start(self) -> tuple[str, int] | None:
        """Address and port of the server. Raises ValueError for an account that is not one of the hub's users."""
        uid = pwd.getpwnam(self.user.name).pw_uid
        self.ip = network.address_of(uid)
        self.unit_extra_properties = network.properties(uid, self.unit_extra_properties)
        await network.settled(uid)
        return await super().start()

    def get_env(self) -> dict[str, str]:
        """SystemdSpawner.start() has just drawn a port of the machine; it is the user's namespace that counts."""
        others = [spawner for spawner in self.user.spawners.values() if spawner is not self]
        self.port = network.port_beside({*(one.port for one in others), *(one.server.port for one in others if one.server)})
        return super().get_env()
