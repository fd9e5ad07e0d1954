"""The openings of a machine, seen from one notebook: what root tells of the machine beforehand, and the lines
that come of it.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hub_client import Person
from kernel_client import Kernel
from networks import Settings
from testinfra.host import Host
from unix_users import unit_of

COLLECTORS = ("paths", "sockets", "others")
# Of metadata, its containers' forms, the resolver and the clock of EC2.
LINK_LOCAL = (
    ("tcp", "169.254.169.254", 80),
    ("tcp", "169.254.170.2", 80),
    ("tcp", "169.254.170.23", 80),
    ("udp", "169.254.169.123", 123),
)
FIRST_CHANCE_PORT = 32768
# Other users of the tests, instances, ids of machines, versions.
_CHANGING = (
    (r"\btest-[0-9a-f]{8}\b", "ANOTHER"),
    (r"\bi-[0-9a-f]{8,17}\b", "INSTANCE"),
    (r"\b[0-9a-f]{32}\b", "ID"),
    (r"\bpython3\.\d+", "python3.N"),
    (r"(?<=-)\d+(\.\d+)+", "N"),
)
_RUN = """
import json
facts, found = json.loads(FACTS), []
for source in SOURCES:
    space = {"__name__": "openings"}
    exec(source, space)
    found += space["collect"](facts)
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Listener:
    """A port that something listens on."""

    protocol: str
    address: str
    port: int


def openings(kernel: Kernel, root: Host, person: Person, settings: Settings) -> list[str]:
    """One line "KIND: WHAT" for each, sorted; none names a process or a user that is there by chance."""
    facts = {
        "home": root.user(person.name).home,
        "groups": [root.user(person.name).gid],
        "addresses": list(_addresses(root, person, settings.host)),
        "processes": [int(pid) for pid in root.check_output("ps -e -o pid=").split()],
    }
    sources = [Path(__file__).with_name(f"{name}.py").read_text() for name in COLLECTORS]
    told = kernel.run(_RUN.replace("FACTS", repr(json.dumps(facts))).replace("SOURCES", repr(sources)))
    return sorted(set(stable(json.loads(told), root, person)))


def _addresses(root: Host, person: Person, hub: str) -> Iterator[tuple[str, str, str, int]]:
    """What to knock at: (what it is called, tcp or udp, address, port)."""
    own = root.check_output("ip -oneline address show scope global | awk '{print $4}' | cut -d/ -f1").split()
    for listener in _listeners(root.check_output("ss --no-header --listening --tcp --udp --numeric")):
        for address in (
            own if listener.address in ("0.0.0.0", "*", "[::]") else [listener.address.strip("[]")]
        ):
            yield (
                f"{'the hub' if address == hub else 'the machine'}:{_port(listener)}",
                listener.protocol,
                address,
                listener.port,
            )
    of_the_person = root.user(person.name).uid
    for uid in root.check_output("ls /run/netns | sed --quiet 's/^jupyter-//p'").split():
        if int(uid) != of_the_person:
            yield from _of_another(root, f"jupyter-{uid}")
    yield from ((f"{address}:{port}", protocol, address, port) for protocol, address, port in LINK_LOCAL)
    for server in root.check_output(
        "sed --quiet 's/^nameserver //p' /run/hubsmith/network/resolv.conf"
    ).split():
        yield from (("the resolver:53", protocol, server, 53) for protocol in ("tcp", "udp"))


def _of_another(root: Host, namespace: str) -> Iterator[tuple[str, str, str, int]]:
    listing = root.run(
        f"ip -n {namespace} -4 -oneline address show scope global; ip netns exec {namespace} ss -lntuH"
    ).stdout.splitlines()
    addresses = [line.split()[3].partition("/")[0] for line in listing if " inet " in line]
    for listener in _listeners("\n".join(line for line in listing if " inet " not in line)):
        if not listener.address.startswith("127."):
            yield from (("another user", listener.protocol, address, listener.port) for address in addresses)


def _listeners(shown: str) -> Iterator[Listener]:
    for words in (line.split() for line in shown.splitlines()):
        address, _, port = words[4].rpartition(":")
        if not address.partition("%")[0].startswith(("127.", "[::1]", "[::ffff:127.")):
            yield Listener(words[0], address.partition("%")[0], int(port))


def _port(listener: Listener) -> str:
    return str(listener.port) if listener.port < FIRST_CHANCE_PORT else "a high port"


def stable(lines: Sequence[str], root: Host, person: Person) -> Iterator[str]:
    """The lines without what is another on each machine, and with what only root can tell."""
    shared = _shared([_what(line) for line in lines if line.startswith("writable: ")], root, person)
    uid = root.user(person.name).uid
    packages = _packages([_what(line) for line in lines if line.startswith("setuid: ")], root)
    for line in lines:
        more = (
            f", {'shared' if _what(line) in shared else 'private'}" if line.startswith("writable: ") else ""
        )
        more += f" of package {packages.get(_what(line), 'none')}" if line.startswith("setuid: ") else ""
        yield without_chance(line, person.name, uid) + more


def without_chance(line: str, user: str, uid: int) -> str:
    """The same for each machine and version: a name in place of what changes."""
    own = ((rf"\b{re.escape(user)}\b", "USER"), (rf"\b(jupyter|user)-{uid}\b", r"\1-UID"))
    for pattern, name in (*own, *_CHANGING):
        line = re.sub(pattern, name, line)
    return line


def _what(line: str) -> str:
    return line.partition(": ")[2]


def _shared(paths: Sequence[str], root: Host, person: Person) -> set[str]:
    """Those that are the machine's own, and not what the notebook's unit has laid over them."""
    pid = root.check_output(f"systemctl show --property MainPID --value {unit_of(person)}")
    both = [shlex.quote(place + path) for path in paths for place in (f"/proc/{pid}/root", "")]
    told = root.check_output(
        "for path in PATHS; do stat --format %d:%i -- $path 2> /dev/null || echo gone; done".replace(
            "PATHS", " ".join(both)
        )
    )
    inside, outside = told.split()[::2], told.split()[1::2]
    return {path for path, within, without in zip(paths, inside, outside, strict=True) if within == without}


def _packages(paths: Sequence[str], root: Host) -> dict[str, str]:
    """Debian's packages that the files are of, which knows what is older than the merged /usr otherwise."""
    names = {name: path for path in paths for name in (path, path.removeprefix("/usr"))}
    told = root.run(
        f"dpkg-query --search {' '.join(map(shlex.quote, names))} 2> /dev/null"
    ).stdout.splitlines()
    found = [line.rpartition(": ") for line in told]
    return {names[name]: package.partition(":")[0] for package, _, name in found if name in names}
