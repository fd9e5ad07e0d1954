"""Two ordinary users on one host, each with a cloud: neither meets the other's ports or files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from build.remote.greeting import greets
from localcloud import base_image
from localcloud.server.endpoint import Endpoint, find
from tests.cloud.customer import Customer, Key, until
from tests.cloud.workshop import INVOKE, REPO, Done

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users"),
]

# What stands in for a checkout they may read and for the line of sysctl that gives ordinary users the ports
# below 1024.
_CAPABILITIES = "-all,+dac_read_search,+net_bind_service"


@dataclass(frozen=True)
class User:
    """Somebody with a uid, a home and nothing else."""

    uid: int
    home: Path

    def invoke(self, *arguments: str) -> Done:
        # Their temp folder is everybody's: what the clouds of one host share lies there.
        environment = {"HOME": str(self.home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        done = subprocess.run(
            [*self._login, str(INVOKE), *arguments],
            cwd=REPO,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    @property
    def cloud(self) -> Path:
        return self.home / ".local/state/hubsmith/cloud"

    @property
    def endpoint(self) -> Endpoint:
        found = find(self.cloud)
        assert found is not None
        return found

    @property
    def _login(self) -> list[str]:
        rights = ["--inh-caps", _CAPABILITIES, "--ambient-caps", _CAPABILITIES]
        return ["setpriv", "--reuid", str(self.uid), "--regid", str(self.uid), "--clear-groups", *rights]


@contextmanager
def user(uid: int, home: Path, tiny: base_image.BaseImage) -> Iterator[User]:
    """Their cache has the tiny base image; their cloud is gone afterwards."""
    cache = home / ".cache/hubsmith/base"
    cache.mkdir(parents=True)
    for file in tiny.path.parent.glob(f"{tiny.name}.*"):
        shutil.copy(file, cache)
    for path in (home, *home.rglob("*")):
        os.chown(path, uid, uid)
    somebody = User(uid, home)
    try:
        yield somebody
    finally:
        reset = somebody.invoke("cloud.reset", "--yes")
        down = somebody.invoke("cloud.down")
        assert (reset.status, down.status) == (0, 0), reset.err + down.err


def test_two_users_do_not_collide(tmp_path: Path, tiny: base_image.BaseImage, key: Key) -> None:
    with ExitStack() as stack:
        ada, bob = (
            stack.enter_context(user(uid, tmp_path / name, tiny))
            for uid, name in ((61001, "ada"), (61002, "bob"))
        )
        customers = []
        for somebody in (ada, bob):
            up = somebody.invoke("cloud.up")
            assert up.status == 0, up.err
            assert up.out.strip() == somebody.endpoint.url
            customers.append(Customer(somebody.endpoint, somebody.cloud, key))
        assert ada.endpoint.url != bob.endpoint.url
        instances = [customer.run(SecurityGroupIds=[customer.open_group(22)]) for customer in customers]
        addresses = [instance["PublicIpAddress"] for instance in instances]
        assert len(set(addresses)) == 2
        for customer, instance in zip(customers, instances, strict=True):
            assert customer.ssh(instance, "id -un") == "root\n"
        for somebody, instance in zip((ada, bob), instances, strict=True):
            assert machines(somebody) == [instance["InstanceId"]]
            assert {path.stat().st_uid for path in somebody.cloud.rglob("*")} == {somebody.uid}
            assert somebody.cloud.parent.stat().st_mode & 0o077 == 0

        assert ada.invoke("cloud.reset", "--yes").status == 0
        until(lambda: not greets(addresses[0]), 30, "the end of ada's machine")
        assert customers[1].ssh(instances[1], "id -un") == "root\n"
        assert machines(bob) == [instances[1]["InstanceId"]]


def machines(somebody: User) -> list[str]:
    """The instances whose machines run, as their owner's `cloud.status` tells."""
    done = somebody.invoke("cloud.status", "--json")
    assert done.status == 0, done.err
    return list(json.loads(done.out)["machines"])
