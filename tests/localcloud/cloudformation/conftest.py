"""A local cloud's API without machines, over a real socket: stacks are deployed through it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.cloudformation.models import CloudFormationBackend, cloudformation_backends
from werkzeug.serving import make_server

from build.aws import session
from build.aws.session import Cloud
from localcloud.cloudformation import install as cloudformation
from localcloud.ec2.host import Host
from localcloud.ec2.install import install
from localcloud.moto_patches import codebuild
from localcloud.server import state_store
from localcloud.server.services import SERVICES
from localcloud.server.wsgi import CloudApp, QuietHandler
from tests.web import answering

Client = Callable[[str], Any]


def forget() -> None:
    for service in SERVICES.values():
        for account in service.values():
            account.clear()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    host.open()
    forget()  # another test of this process may have left a backend of moto's own, which would answer here
    install(host)
    cloudformation.install(host)
    codebuild.install()
    with answering(
        make_server("127.0.0.1", 0, CloudApp(host, dict), threaded=True, request_handler=QuietHandler)
    ) as server:
        host.url = f"http://127.0.0.1:{server.port}"
        yield host
        host.workers.wait_idle(10)
        host.close()
    forget()
    # Other tests of this process have moto's own, which needs no server.
    known: Any
    for known in (cloudformation_backends, *cloudformation_backends.values()):
        known.backend = CloudFormationBackend


@pytest.fixture
def client(host: Host) -> Client:
    """Service -> a client, with keys of nobody in particular."""

    def make(service: str, *, aws_access_key_id: str = "test", aws_session_token: str | None = None) -> Any:
        return session.client(
            Cloud("local", "us-east-1", host.url, aws_access_key_id, "test"), service, aws_session_token
        )

    return functools.cache(make)


def restart(host: Host) -> None:
    """What a server that ends and comes up again does to its state: all that is there afterwards was kept."""
    keeper = state_store.StateStore(host.folder, SERVICES, host.lock)
    keeper.save()
    forget()
    state_store.load(keeper.path, SERVICES)
