"""The cloud's API without a server, and a role's credentials."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends
from moto.sts.models import sts_backends
from werkzeug.test import Client

from localcloud.ec2.host import Host
from localcloud.ec2.install import install
from localcloud.server.wsgi import CloudApp

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
