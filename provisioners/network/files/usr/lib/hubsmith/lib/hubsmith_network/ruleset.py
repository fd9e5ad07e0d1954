"""The table `inet hubsmith` of nftables, as text for `nft -f`.

Each text is applied as one transaction; other tables stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address

from hubsmith_network.addresses import USER_INTERFACES
from hubsmith_network.settings import HUB_PORT, Settings

TABLE = "inet hubsmith"
REMOVE = f"table {TABLE} {{}}\ndelete table {TABLE}\n"
"""The empty table first, so that it is no error when there is none."""
SERVER_PORTS = (20000, 29999)
"""Where users' servers listen: outside the ephemeral ports (32768-60999), so that no outgoing connection has
taken one.
"""
CONNECTIONS_TO_HUB = 100
"""A server has a few; the hub serves all users with 1024 file descriptors by default."""
_WORLD_PORTS = "{ 22, 80, 443 }"
_PRIVATE = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/3",
)


def ruleset(settings: Settings, resolvers: Iterable[IPv4Address]) -> str:
    """The whole table, in place of the one that is there."""
    users = f'"{USER_INTERFACES}*"'
    return REMOVE + "\n".join(
        (
            f"table {TABLE} {{",
            _sets(settings, resolvers),
            _before_tracking(settings, users),
            _to_the_machine(settings, users),
            _through_the_machine(settings, users),
            "}",
            "",
        )
    )


def new_resolvers(resolvers: Iterable[IPv4Address]) -> str:
    """What makes the table that is there admit these resolvers and no others."""
    return f"flush set {TABLE} resolvers\nadd element {TABLE} resolvers {_listed(resolvers)}\n"


def _sets(settings: Settings, resolvers: Iterable[IPv4Address]) -> str:
    allowed = f"elements = {_listed(settings.allowed)}" if settings.allowed else ""
    return f"""\
    set resolvers {{ type ipv4_addr; elements = {_listed(resolvers)}; }}
    set allowed {{ type ipv4_addr; flags interval; auto-merge; {allowed} }}
    set private {{ type ipv4_addr; flags interval; auto-merge; elements = {_listed(_PRIVATE)}; }}
    set connections {{ type ipv4_addr; flags dynamic; size 65535; }}
    set connections_to_hub {{ type ipv4_addr; flags dynamic; size 65535; }}"""


def _before_tracking(settings: Settings, users: str) -> str:
    """The hub's own ports, and the proxy's connections to users' servers, work without an entry in the table
    of connections: they go on when somebody has filled it.
    """
    return f"""\
    chain early {{
        type filter hook prerouting priority raw; policy accept;
        iifname {users} goto early_from_users
        iifname != "lo" ip daddr {settings.addresses} drop
        fib daddr type local tcp dport {_WORLD_PORTS} notrack
    }}
    chain early_from_users {{
        meta nfproto ipv6 drop
        fib saddr . iif oif missing drop
        ip daddr {settings.host} tcp dport != {HUB_PORT} notrack
    }}
    chain early_from_machine {{
        type filter hook output priority raw; policy accept;
        oifname {users} tcp sport != {HUB_PORT} notrack
        oifname != "lo" tcp sport {_WORLD_PORTS} notrack
    }}"""


def _to_the_machine(settings: Settings, users: str) -> str:
    """Answers of users' servers are known by their port and by not opening a connection (SYN without ACK)."""
    first, last = SERVER_PORTS
    return f"""\
    chain input {{
        type filter hook input priority filter; policy accept;
        iifname {users} goto from_users_to_machine
    }}
    chain from_users_to_machine {{
        ip daddr {settings.host} tcp dport {HUB_PORT} goto from_users_to_hub
        ip daddr {settings.host} tcp sport {first}-{last} tcp flags & (syn | ack) != syn accept
        goto refused
    }}
    chain from_users_to_hub {{
        ct state established,related accept
        ct state != new drop
        add @connections_to_hub {{ ip saddr ct count over {CONNECTIONS_TO_HUB} }} goto refused
        accept
    }}
    chain refused {{
        meta l4proto tcp reject with tcp reset
        reject with icmpx admin-prohibited
    }}"""


def _through_the_machine(settings: Settings, users: str) -> str:
    """Other users and link-local addresses come before the manifest's rules, which cannot open them."""
    return f"""\
    chain forward {{
        type filter hook forward priority filter; policy accept;
        iifname {users} goto from_users
        oifname {users} ct state established,related accept
        oifname {users} drop
    }}
    chain from_users {{
        ct state established,related accept
        ct state != new drop
        oifname {users} goto refused
        ip daddr {settings.addresses} goto refused
        ip daddr @resolvers meta l4proto {{ tcp, udp }} th dport 53 goto counted
        ip daddr 169.254.0.0/16 goto refused
        ip daddr @allowed goto counted
        ip daddr @private goto refused
        goto {"counted" if settings.internet else "refused"}
    }}
    chain counted {{
        add @connections {{ ip saddr ct count over {settings.connections} }} goto refused
        accept
    }}
    chain outgoing {{
        type nat hook postrouting priority srcnat; policy accept;
        oifname != "lo" oifname != {users} ip saddr {settings.addresses} masquerade
    }}"""


def _listed(values: Iterable[object]) -> str:
    return "{ " + ", ".join(str(value) for value in values) + " }"
