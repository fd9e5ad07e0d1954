"""The local cloud in this process, with its API on a socket: QEMU is pretended, and no instance boots."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends
from moto.s3.models import s3_backends
from werkzeug.serving import make_server

from build.aws.session import Clients, Cloud, connect
from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.host import Host
from localcloud.ec2.install import install
from localcloud.ec2.models import BlockDevice, LocalAmi, LocalSnapshot, SourceVolume
from localcloud.server.services import SERVICES
from localcloud.server.wsgi import CloudApp, QuietHandler
from tests.http_server import answering
from tests.localcloud.ec2.pretence import Machines, Queue, qemu_img

IMAGE, BASE, REGION = "ami-0123456789abcdef0", "snap-0123456789abcdef0", "us-east-1"


@dataclass(frozen=True)
class PretendedCloud:
    """What tests ask, and what is behind it."""

    clients: Clients
    host: Host
    url: str

    @property
    def backend(self) -> LocalBackend:
        """EC2's model."""
        return ec2_backends[DEFAULT_ACCOUNT_ID][REGION]  # type: ignore[return-value]


@contextmanager
def pretended_cloud(region: str = REGION) -> Iterator[PretendedCloud]:
    """Have one with an image, IMAGE; whatever it holds is gone afterwards."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        machines = Machines()
        stack.enter_context(patch("localcloud.machine.layer_store.run_qemu_img", qemu_img))
        stack.enter_context(patch.object(Host, "machine", lambda _, instance_id: machines(instance_id)))
        stack.enter_context(patch.object(Host, "serve_metadata", lambda *_: None))
        host = Host(folder)
        stack.callback(_forget)
        host.open()
        stack.callback(host.close)
        host.work_queue = Queue()  # type: ignore[assignment]  # nothing boots
        install(host)
        app = CloudApp(host, lambda: {"pid": 1})
        server = stack.enter_context(
            answering(make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler))
        )
        url = f"http://127.0.0.1:{server.port}"
        cloud = PretendedCloud(connect(Cloud("local", region, url, "test", "test")), host, url)
        _make_image(host, ec2_backends[DEFAULT_ACCOUNT_ID][region])  # type: ignore[arg-type]
        yield cloud


def _make_image(host: Host, backend: LocalBackend) -> None:
    host.layers.create_blank(BASE, 1)
    snapshot = LocalSnapshot(backend, BASE, SourceVolume("vol-ffffffff", 1), "base")
    snapshot.complete(BASE)
    image = LocalAmi(backend, IMAGE, "base", (BlockDevice("/dev/xvda", BASE, 1),), "/dev/xvda")
    image.state = "available"
    backend.snapshots[BASE], backend.amis[IMAGE] = snapshot, image


def _forget() -> None:
    for backends in SERVICES.values():
        for account in backends.values():
            account.clear()
    s3_backends.bucket_accounts.clear()
