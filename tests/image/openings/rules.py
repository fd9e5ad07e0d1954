"""Which openings are meant, by kind, each with the reason.

What no rule knows is to be closed, or accepted in the manifest.

A rule names no process, version or number, so that an update of the machine's packages changes nothing of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_CLOUD_INIT = r"(/run/cloud-init|/var/lib/cloud)/(?!.*(user-data|vendor-data|sensitive|\.pkl))[^,]+"


@dataclass(frozen=True)
class Rule:
    """What it accepts: a regular expression for the whole line, and why that is no danger."""

    pattern: str
    reason: str


RULES = (
    Rule(
        r"device: /dev/(null|zero|full|random|urandom|tty|ptmx|pts/\d+) \(.*\)",
        "what programs cannot do without; it tells nothing",
    ),
    Rule(r"key: user invocation_id of root", "systemd's number for this very start of the server"),
    Rule(r"network: tcp the hub:881", "the hub's API, for which each server has a token of its own"),
    Rule(r"network: (tcp|udp) the resolver:53", "names have to be resolved"),
    Rule(
        r"readable: /etc/hubsmith/(README|(disk|launch|network)\.json|operator_keys)",
        "settings that are no secret",
    ),
    Rule(
        r"readable: /etc/ssh/(moduli|sshd?_config(\.d/[^/]+)?|ssh_host_\w+_key\.pub)",
        "public by nature: no private key",
    ),
    Rule(
        rf"(readable|secret): {_CLOUD_INIT}",
        "what cloud-init tells everybody; user data is in none of these files",
    ),
    Rule(
        r"readable: /var/log/(apt/\S+|dpkg\.log\S*|(alternatives|bootstrap|fontconfig)\.log\S*|README)",
        "which packages are installed everybody can see",
    ),
    Rule(
        r"readable: /var/log/(wtmp|lastlog|faillog|btmp)\S*", "Debian's list of ssh logins: names and times"
    ),
    Rule(
        r"readable: /var/log/journal/ID/user-UID(@\S+)?\.journal", "what the user's own programs have logged"
    ),
    Rule(
        r"secret: /etc/(pam\.d/common-password|kernel/entry-token|security/\S+)",
        "named like a secret, and none",
    ),
    Rule(r"secret: /var/lib/(pam/password|dpkg/info/\S+|ucf/\S+)", "named like a secret, and none"),
    Rule(r"secret: /var/lib/systemd/\S+\.timer", "the stamp of a timer: empty"),
    Rule(
        r"setuid: \S+ of package (?!none)\S+",
        "Debian's; a server has no way to more rights, as privilege: would tell",
    ),
    Rule(
        r"socket: /run/systemd/journal/(dev-log|socket|stdout|syslog)",
        "to log; the journal knows who it was, and how much is bounded",
    ),
    Rule(r"socket: /run/systemd/notify", "systemd listens to the main process of a unit only"),
    Rule(
        r"socket: /run/systemd/(\w+/)?io\.systemd?\.[\w.]+",
        "systemd's own questions and answers: it decides by the number of who asks",
    ),
    Rule(r"socket: /run/uuidd/request", "gives out UUIDs"),
    Rule(
        r"writable: (/tmp|/run/jupyter|/run/lock|/dev/shm|/dev/mqueue), private",
        "the server's own, and gone with it",
    ),
    Rule(
        r"writable: /var/tmp, (private|shared)",
        "the user's own folder on the data volume, which counts as the user's disk space",
    ),
    Rule(
        r"writable: /proc/pressure/(cpu|io|memory|irq), \w+",
        "to be woken when the machine is busy; nothing is kept there",
    ),
    Rule(
        r"writable: /sys/fs/cgroup/jupyter\.slice/jupyter-UID\.slice/\S+\.pressure, shared",
        "the same of the server's own group",
    ),
    Rule(r"writable: /sys/kernel/security/apparmor/\.null, shared", "AppArmor's /dev/null"),
)


@dataclass(frozen=True)
class Verdict:
    """Openings that neither a rule nor the manifest knows, and lines of the manifest that accept nothing."""

    unknown: tuple[str, ...]
    idle: tuple[str, ...]


def judge(lines: Iterable[str], accepted: Iterable[str] = ()) -> Verdict:
    """Compare what was found with the rules, and with what the manifest accepts beside them."""
    found, known = set(lines), set(accepted)
    unknown = {line for line in found - known if not any(re.fullmatch(rule.pattern, line) for rule in RULES)}
    return Verdict(tuple(sorted(unknown)), tuple(sorted(known - found)))


def told(unknown: Iterable[str]) -> str:
    """What the user reads: each opening with the line that accepts it."""
    entries = "\n".join(f"      - {_quoted(line)}" for line in unknown)
    return (
        "A user's notebook can do what no rule of tests/image/openings/rules.py knows.\n"
        "Close it, or accept it in manifest.yaml, as your own judgement of what it is worth:\n"
        f"  tests:\n    accepted_openings:\n{entries}"
    )


def _quoted(line: str) -> str:
    return "'" + line.replace("'", "''") + "'"
