"""The cloud's API without a server and over a socket, and a user."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends
from moto.sts.models import sts_backends
from werkzeug.serving import make_server
from werkzeug.test import Client

from localcloud.ec2.host import Host
from localcloud.ec2.install import install
from localcloud.server.wsgi import CloudApp, QuietHandler
from tests.http_server import answering
from tests.localcloud.iam.callers import OWNER, Connect, Keys

ACCOUNT = "123456789012"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    host = Host(tmp_path)
    host.open()
    install(host)
    yield Client(CloudApp(host, dict))
    host.close()
    for known in (iam_backends, kms_backends, sts_backends):
        known[ACCOUNT].clear()


@pytest.fixture
def connect(client: Client) -> Iterator[Connect]:
    """boto3's clients of the cloud, with these keys."""
    server = make_server("127.0.0.1", 0, client.application, threaded=True, request_handler=QuietHandler)
    session: Any = boto3.Session()  # whose stubs want the service as a literal
    with answering(server):

        def make(service: str, keys: Keys = OWNER) -> Any:
            return session.client(
                service,
                region_name="us-east-1",
                endpoint_url=f"http://127.0.0.1:{server.port}",
                aws_access_key_id=keys["AccessKeyId"],
                aws_secret_access_key=keys["SecretAccessKey"],
                aws_session_token=keys.get("SessionToken"),
                config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
            )

        yield make


@pytest.fixture
def ada(connect: Connect) -> Keys:
    """A user without any right."""
    iam = connect("iam")
    iam.create_user(UserName="ada", Path="/staff/")
    found: Keys = iam.create_access_key(UserName="ada")["AccessKey"]
    return found
