"""Put our CloudFormation in moto's place."""

from __future__ import annotations

from moto.cloudformation.models import cloudformation_backends

from localcloud.cloudformation import deploy, urls
from localcloud.cloudformation.stacks import Stacks, backends
from localcloud.ec2.host import Host


def install(host: Host) -> None:
    """From now on moto's CloudFormation is the local cloud's; call it before anything asks for a backend."""
    Stacks.host, Stacks.url_module = host, urls
    host.settlers["stack"] = deploy.settle
    cloudformation_backends.backend = Stacks  # type: ignore[assignment]  # another class with the same addresses
    for account in cloudformation_backends.values():
        account.backend = Stacks


def resume() -> None:
    """After a start: go on with the stacks that are under way."""
    for found in backends():
        for stack in found.stacks.values():
            if stack.is_busy:
                found.wake(stack)
