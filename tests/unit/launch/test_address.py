"""The hub's Elastic IP when the answer to its allocation was lost: there are two of them then."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from build.aws import tags
from build.hubs.address import own_address
from build.hubs.hub import Hub
from build.hubs.models import Address
from build.launch import address

HUB = Hub("hub.example.org")


class Account:
    """Allocates ``lost`` addresses more than it tells of."""

    def __init__(self, lost: int = 0) -> None:
        self._lost = lost
        self.addresses: dict[str, dict[str, Any]] = {}

    def allocate_address(self, *, Domain: str, TagSpecifications: list[Any]) -> dict[str, Any]:
        assert Domain == "vpc"
        for _ in range(1 + self._lost):
            number = len(self.addresses)
            made = {"AllocationId": f"eipalloc-{number}", "PublicIp": f"203.0.113.{number}"}
            self.addresses[made["AllocationId"]] = {**made, "Tags": TagSpecifications[0]["Tags"]}
        return made

    def describe_addresses(self, *, Filters: list[Any]) -> Any:
        wanted = tags.as_list(HUB.tags)
        assert Filters == tags.having(tags.HUB, HUB.domain)
        return {"Addresses": [one for one in self.addresses.values() if wanted == one["Tags"]]}

    def release_address(self, *, AllocationId: str) -> None:
        del self.addresses[AllocationId]


def launch(account: Account) -> Any:
    """The state of a launch that needs an address."""
    changes: list[str] = []
    return SimpleNamespace(
        hub=HUB,
        tags=HUB.tags,
        clients=SimpleNamespace(ec2=account),
        options=SimpleNamespace(defaults=SimpleNamespace(allocation_id=None)),
        report=SimpleNamespace(note=changes.append),
        changes=changes,
        billed={},
        record_change=changes.append,
    )


def test_what_a_lost_answer_has_left_is_released() -> None:
    account = Account(lost=2)
    state = launch(account)
    address.EnsureAddress().run(state)
    assert list(account.addresses) == ["eipalloc-2"] == list(state.billed)
    assert state.address == Address("eipalloc-2", "203.0.113.2")
    assert state.changes[1:3] == [
        f"released 203.0.113.{number}, allocated by a call whose answer was lost" for number in (0, 1)
    ]


def test_one_address_is_kept_and_found_again() -> None:
    account = Account()
    for _ in range(2):
        address.EnsureAddress().run(launch(account))
    assert list(account.addresses) == ["eipalloc-0"]


def test_of_two_the_one_in_use_is_the_hubs() -> None:
    account = Account(lost=1)
    account.allocate_address(Domain="vpc", TagSpecifications=tags.specifications(HUB.tags, "elastic-ip"))
    account.addresses["eipalloc-1"]["AssociationId"] = "eipassoc-1"
    clients: Any = SimpleNamespace(ec2=account)
    assert own_address(clients, HUB) == Address("eipalloc-1", "203.0.113.1")
