"""SystemdSpawner with a unit for each of a user's servers, whatever characters are in their names."""

from __future__ import annotations

from systemdspawner import SystemdSpawner

from hubsmith_hub.units import unit_name


class HubsmithSpawner(SystemdSpawner):
    """Users' servers are units named after user and server; SystemdSpawner itself has one name for all servers of a user."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        if self.user is not None:
            self.unit_name = unit_name(self.user.name, self.name)
            # Without it the journal names the program, the same for everybody.
            self.unit_extra_properties = {**self.unit_extra_properties, "SyslogIdentifier": self.unit_name}
