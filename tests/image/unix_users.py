"""Users for the image tests, made on the machine and gone afterwards: one with a password, and one with a
running server besides.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hub_client import HubClient, HubUser
from kernel_client import Kernel
from testinfra.host import Host

# Not to be kept on a data volume, where whoever has a number from 2000 is never forgotten.
OF_THE_MACHINE = "--key UID_MIN=1500 --key UID_MAX=1999"
# Who has logged in is in the hub's own database too. Fails (1) for who never did, and while the hub is down.
FORGET = """\
import sys
sys.path.insert(0, "/usr/lib/hubsmith/hub")
from hubsmith_hub import operator
try:
    operator.call("DELETE", operator.user_path(sys.argv[1]), timeout_s=120)
except operator.HubError as exc:
    sys.exit(str(exc))
"""


def unit_of(hub_user: HubUser, server: str = "") -> str:
    """The systemd unit of one of the user's servers, escaped as SystemdSpawner does."""
    return f"jupyter-{hub_user.name.replace('@', 'X40')}{'-N' + server if server else ''}-singleuser.service"


def slice_of(root: Host, hub_user: HubUser) -> str:
    """The systemd slice of all servers of the user."""
    return f"jupyter-{root.user(hub_user.name).uid}.slice"


def properties_of(root: Host, unit: str, *names: str) -> dict[str, str]:
    """Properties of a unit, as `systemctl show` prints them."""
    wanted = " ".join(f"--property {name}" for name in names)
    return dict(
        line.split("=", 1) for line in root.check_output(f"systemctl show {wanted} {unit}").splitlines()
    )


@contextmanager
def unix_user(host: Host, *groups: str, domain: str = "") -> Iterator[HubUser]:
    """Somebody with a password, gone afterwards; with a ``domain`` the name needs escaping."""
    one = HubUser(f"test-{secrets.token_hex(4)}{domain}", secrets.token_urlsafe(16))
    with host.sudo():
        make = (
            f"useradd --badname {OF_THE_MACHINE} --create-home --key HOME_MODE=0700 --shell /bin/bash "
            "--groups %s %s"
        )
        host.run_test(
            f"{make} && echo %s | chpasswd", ",".join(groups), one.name, f"{one.name}:{one.password}"
        )
    yield one
    with host.sudo():
        host.run_test(f"/usr/bin/python3 -I -c '{FORGET}' %s", one.name)
        # The next user may get the same number, and must not find these files.
        host.run_test(
            "systemctl stop %s; rm -rf /home/.tmp/$(id -u %s); userdel --force --remove %s",
            unit_of(one),
            one.name,
            one.name,
        )


class Neighbour:
    """Another ordinary user with a running server and a kernel in it.

    A test that ends either says so, and the next one finds new ones.
    """

    def __init__(self, hub_user: HubUser, hub: Callable[[], HubClient]) -> None:
        self.hub_user, self._hub = hub_user, hub
        self._session: HubClient | None = None
        self._kernel: Kernel | None = None

    @property
    def session(self) -> HubClient:
        """Logged in, with a running server."""
        if self._session is None:
            self._session = self._hub()
            self._session.login(self.hub_user)
            self._session.start_server()
        return self._session

    @property
    def kernel(self) -> Kernel:
        """A kernel in that server."""
        if self._kernel is None:
            self._kernel = Kernel.start(self.session)
            self._kernel.connect()
        return self._kernel

    def kernel_has_ended(self) -> None:
        """With its server, which may run again."""
        self._kernel = None

    def has_logged_out(self) -> None:
        """And the server with it."""
        self._session = self._kernel = None
