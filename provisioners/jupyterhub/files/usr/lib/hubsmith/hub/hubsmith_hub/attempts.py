"""Failed logins by address, and by address and name; and how long the next attempt from there waits.

The delay grows with failures and fades with time; it has a cap, and nothing is ever locked. Whoever fails at
somebody's name makes only themselves wait: the name's owner comes from another address. A class behind one
address has many failures before it waits at all.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

_HALF_LIFE_S = 600.0
_FORGOTTEN = 0.5  # what is left of one failure after one half-life
_MOST_COUNTED = 40.0  # so that the longest attack, too, is forgotten after about an hour
_MOST_KEYS = 10_000
_NAME_LENGTH = 64  # useradd takes 32; what is longer is nobody's name, and is not to fill the memory

_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 30.0
# Of a whole address, where it is not one name that is tried: shorter, because others behind it wait as well.
_FREE_FAILURES = 10
_ADDRESS_STEP_S = 0.1
_LONGEST_ADDRESS_DELAY_S = 2.0

Clock = Callable[[], float]


def bucket(address: str) -> str:
    """What counts as one address: an IPv4 address, and the /64 that one IPv6 customer has at least (RFC
    6177).

    What is not an address is one bucket of its own each.
    """
    try:
        found = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return address[:_NAME_LENGTH]
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))


def name_delay(failures: float) -> float:
    """Seconds between attempts at one name from one address: 0.5, 1, 2, 4, ... 30."""
    return (
        0.0 if failures < _FORGOTTEN else float(min(_FIRST_DELAY_S * 2 ** (failures - 1), _LONGEST_DELAY_S))
    )


def address_delay(failures: float) -> float:
    """Seconds between attempts from one address: none for the first ten failures, then up to 2."""
    return max(0.0, min(_ADDRESS_STEP_S * (failures - _FREE_FAILURES), _LONGEST_ADDRESS_DELAY_S))


@dataclass
class Failures:
    """Counts that halve every ten minutes. The longest untouched make room for new ones."""

    now: Clock
    most_keys: int = _MOST_KEYS
    _known: OrderedDict[Hashable, tuple[float, float]] = field(default_factory=OrderedDict)

    def count(self, key: Hashable) -> float:
        """What is left of the failures; 0 when they are forgotten."""
        count, since = self._known.get(key, (0.0, 0.0))
        left = count * 0.5 ** ((self.now() - since) / _HALF_LIFE_S)
        return left if left >= _FORGOTTEN else 0.0

    def last(self, key: Hashable) -> float:
        """When the last one was."""
        return self._known.get(key, (0.0, 0.0))[1]

    def add(self, key: Hashable) -> None:
        """One more, now."""
        self._known[key] = (min(self.count(key) + 1, _MOST_COUNTED), self.now())
        self._known.move_to_end(key)
        while len(self._known) > self.most_keys:
            self._known.popitem(last=False)

    def forget(self, key: Hashable) -> None:
        """As if there had been none."""
        self._known.pop(key, None)

    def __len__(self) -> int:
        return len(self._known)


class Attempts:
    """What is known of addresses (as `bucket` gives them) and of the names that were tried from each."""

    def __init__(self, now: Clock = time.monotonic, most_keys: int = _MOST_KEYS) -> None:
        self.by_address = Failures(now, most_keys)
        self.by_name = Failures(now, most_keys)

    def failed(self, address: str, name: str) -> None:
        """A wrong name or password."""
        self.by_address.add(address)
        self.by_name.add(_pair(address, name))

    def succeeded(self, address: str, name: str) -> None:
        """Forget this name's failures, not the address's: one account of one's own would make every guess at
        others' a first one.
        """
        self.by_name.forget(_pair(address, name))

    def has_failed(self, address: str) -> bool:
        """Are there recent failures from this address?"""
        return self.by_address.count(address) > 0

    def due(self, address: str, name: str) -> float:
        """When the next attempt may be looked at, by the clock; in the past where nothing is to wait for."""
        pair = _pair(address, name)
        by_name = self.by_name.last(pair) + name_delay(self.by_name.count(pair))
        return max(by_name, self.by_address.last(address) + address_delay(self.by_address.count(address)))


def _pair(address: str, name: str) -> tuple[str, str]:
    return address, name[:_NAME_LENGTH]
