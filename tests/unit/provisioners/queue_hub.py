"""The configuration of a JupyterHub whose spawner is the image's, with plain processes in systemd's place.

test_queue_of_a_hub.py runs it. STATE is its folder: `say` holds what servers are to do, by user; `started`
gets a line for each start and end.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jupyterhub.auth import DummyAuthenticator
from jupyterhub.proxy import Proxy
from systemdspawner import systemd

STATE = Path(os.environ["STATE"])
sys.path[:0] = json.loads(os.environ["FOLDERS"])
from hubsmith_hub import (  # noqa: E402
    accounts,
    api,
    disk_limits,
    home,
    network,
    spawner,
    systemctl,
    temporary,
    unit_end,
)
from hubsmith_hub.spawner import HubsmithSpawner  # noqa: E402

c = get_config()  # type: ignore[name-defined]  # noqa: F821 - given by JupyterHub

SERVER = """
import http.server, json, pathlib, sys, time
order, port, go = json.loads(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3])
while order.get("waits") and not go.exists():
    time.sleep(0.05)
if "ends" in order:
    sys.exit(order["ends"])
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")
    def log_message(self, *told):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", port), Answer).serve_forever()
"""


def order_of(user: str) -> Any:
    return json.loads((STATE / "say").read_text()).get(user, {})


def note(what: str, unit: str) -> None:
    with (STATE / "started").open("a") as log:
        log.write(json.dumps([time.monotonic(), what, unit.split("-")[1]]) + "\n")


class Units:
    """systemd's part. A unit outlives the hub, so its process is in a file."""

    @staticmethod
    async def start(unit: str, *, environment_variables: dict[str, str], **_: Any) -> int:
        order = order_of(unit.split("-")[1])
        note("start", unit)
        port = environment_variables["JUPYTERHUB_SERVICE_URL"].split(":")[2].split("/")[0]
        go = STATE / f"go-{unit.split('-')[1]}"
        arguments = ("-I", "-c", SERVER, json.dumps(order), port, str(go))
        process = await asyncio.create_subprocess_exec(sys.executable, *arguments, start_new_session=True)
        (STATE / unit).write_text(str(process.pid))
        if order.get("at_once"):
            await process.wait()
        return 0

    @staticmethod
    async def running(unit: str) -> bool:
        try:
            state = Path(f"/proc/{(STATE / unit).read_text()}/stat").read_text().split()[2]
        except OSError:
            return False
        return state != "Z"

    @staticmethod
    async def stop(unit: str) -> None:
        os.kill(int((STATE / unit).read_text()), 9)
        note("stop", unit)


async def nothing(*_: Any) -> bool:
    return False


async def the_end(*_: Any) -> unit_end.End:
    return unit_end.End(True, "exit-code", "exited", "3/x", lines=("one <b>line</b>",))


def replace(module: Any, **others: Any) -> None:
    for name, other in others.items():
        setattr(module, name, other)


replace(
    systemd,
    get_systemd_version=lambda: 252,
    start_transient_service=Units.start,
    service_running=Units.running,
    service_failed=nothing,
    stop_service=Units.stop,
)
replace(systemctl, gone=nothing, kill=nothing, limit=nothing)
replace(
    network,
    address_of=lambda uid: "127.0.0.1",
    properties=lambda uid, others: dict(others),
    settled=nothing,
)
replace(temporary, properties=lambda uid, unit, others: dict(others))
replace(home, prepare=lambda account: None)
replace(disk_limits, try_to_apply=lambda name: None)
replace(accounts, refusal=lambda name: "the account is closed" if order_of(name).get("closed") else None)
replace(unit_end, read=the_end)
replace(spawner, pwd=SimpleNamespace(getpwnam=lambda name: SimpleNamespace(pw_uid=2000)))


class NoProxy(Proxy):  # type: ignore[misc]  # JupyterHub is Any here
    """Routes that lead nowhere."""

    routes: dict[str, Any] = {}
    should_start = False

    async def add_route(self, routespec: str, target: str, data: Any) -> None:
        self.routes[routespec] = {"routespec": routespec, "target": target, "data": data}

    async def delete_route(self, routespec: str) -> None:
        self.routes.pop(routespec, None)

    async def get_all_routes(self) -> dict[str, Any]:
        return self.routes


class Here(HubsmithSpawner):
    """The image's, for users that this machine does not have."""

    def _expand_user_vars(self, string: str) -> str:
        expanded: str = string.replace("{USERNAME}", "root")
        return expanded


c.JupyterHub.spawner_class = Here
c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.template_paths = [str(Path(spawner.__file__).with_name("templates"))]
c.JupyterHub.extra_handlers = api.HANDLERS
c.JupyterHub.authenticator_class = DummyAuthenticator
c.JupyterHub.hub_bind_url = c.JupyterHub.bind_url = os.environ["URL"]
c.JupyterHub.db_url = f"sqlite:///{STATE}/hub.sqlite"
c.JupyterHub.cookie_secret = b"0" * 32
c.JupyterHub.cleanup_servers = False
c.JupyterHub.concurrent_spawn_limit = 0
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}
c.JupyterHub.services = [{"name": "tests", "api_token": "x" * 32, "admin": True}]
c.Authenticator.allow_all = True
c.SystemdSpawner.concurrent_starts = 2
c.Spawner.start_timeout = int(os.environ.get("START_TIMEOUT", "30"))
c.Spawner.poll_interval = 300
