"""Run in a notebook: paths outside of the home that it can write or should not read; devices."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FORMAT = "%y %m %U %p\\0"
# Of these every file that can be read counts.
PRIVATE = (
    *(
        "/srv",
        "/root",
        "/data",
        "/etc/hubsmith",
        "/etc/letsencrypt",
        "/etc/jupyterhub",
        "/etc/ssh",
        "/etc/sudoers",
        "/etc/sudoers.d",
    ),
    *(
        "/etc/shadow",
        "/etc/gshadow",
        "/var/lib/hubsmith",
        "/var/lib/cloud",
        "/var/log",
        "/var/mail",
        "/var/spool",
    ),
    *("/run/hubsmith", "/run/log", "/run/jupyterhub-proxy", "/run/cloud-init", "/run/credentials"),
)
# And here what has a private key in it, or is named like a secret.
SEARCHED = ("/etc", "/run", "/srv", "/var", "/usr/local")
LIKE_A_SECRET = ("*secret*", "*password*", "*token*", "*credential*", "*.key", "*_key", "*privkey*")


def collect(facts: dict[str, Any]) -> list[str]:
    """One line for each opening. Adds to the facts: sockets, the paths of all of them."""
    return [*_walked(facts), *_kernel_files(), *_readable(facts["home"]), *_secrets()]


def _find(*arguments: str) -> Iterator[list[str]]:
    """What find(1) shows by its -printf, a list of words for each path: a hundred thousand files take
    seconds, in Python a minute.
    """
    done = subprocess.run(
        ["/usr/bin/find", *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
    )
    for entry in done.stdout.decode(errors="surrogateescape").split("\0"):
        if entry:
            yield entry.split(" ", 3)


def _walked(facts: dict[str, Any]) -> Iterator[str]:
    left_out = (
        "(",
        "-path",
        "/proc",
        "-o",
        "-path",
        "/sys",
        "-o",
        "-path",
        facts["home"],
        ")",
        "-prune",
        "-o",
    )
    shown = (
        "(",
        "-writable",
        "-o",
        "-type",
        "c",
        "-o",
        "-type",
        "b",
        "-o",
        "-type",
        "s",
        "-o",
        "-type",
        "f",
        "-perm",
        "/6000",
        ")",
    )
    own, folders = str(os.getuid()), set[str]()
    for kind, mode, owner, path in _find(
        "/", "-ignore_readdir_race", *left_out, "!", "-type", "l", *shown, "-printf", FORMAT
    ):
        if kind in "cb":
            yield from _device(path)
        elif kind == "s":
            facts.setdefault("sockets", []).append(path)
        else:
            if kind == "f" and int(mode, 8) & 0o6000 and os.access(path, os.X_OK):
                yield f"setuid: {path}"
            if os.access(path, os.W_OK) and (owner != own or str(Path(path).parent) not in folders):
                yield f"writable: {path}"  # not one's own file in a folder that is told of already
            if kind == "d":
                folders.add(path)


def _device(path: str) -> Iterator[str]:
    ways = [name for name, way in (("read", os.R_OK), ("write", os.W_OK)) if os.access(path, way)]
    if ways:
        yield f"device: {path} ({', '.join(ways)})"


def _kernel_files() -> Iterator[str]:
    """Of /proc and /sys; a process may write to files of its own in /proc."""
    own = ("-regex", "/proc/\\([0-9]+\\|self\\|thread-self\\)", "-prune", "-o")
    for path in ("/proc", "/sys"):
        yield from (
            f"writable: {found[3]}"
            for found in _find(path, *own, "!", "-type", "l", "-writable", "-printf", FORMAT)
        )


def _readable(home: str) -> Iterator[str]:
    others = [one for one in Path("/home").iterdir() if str(one) != home]
    # and whatever is in it
    yield from (f"readable: {one}" for one in others if os.access(one, os.R_OK | os.X_OK))
    for _, _, owner, path in _find(*PRIVATE, "-type", "f", "-readable", "-printf", FORMAT):
        if owner != str(os.getuid()):
            yield f"readable: {path}"


def _secrets() -> Iterator[str]:
    names = " -o -name ".join(LIKE_A_SECRET).split(" ")
    for _, _, owner, path in _find(
        *SEARCHED, "-type", "f", "-readable", "(", "-name", *names, ")", "-printf", FORMAT
    ):
        if (
            owner != str(os.getuid())
            and Path(path).stat().st_size
            and not path.endswith((".py", ".pyc", ".pub"))
        ):
            yield f"secret: {path}"
    grep = [
        "/usr/bin/grep",
        "-rlsI",
        "--devices=skip",
        "--exclude-dir=apt",
        "--exclude-dir=dpkg",
        "--exclude-dir=site-packages",
    ]
    keys = subprocess.run(
        [*grep, "-e", "^-----BEGIN .*PRIVATE KEY-----", *SEARCHED],
        capture_output=True,
        text=True,
        check=False,
    )
    for path in keys.stdout.splitlines():
        if Path(path).stat().st_uid != os.getuid():
            yield f"private key: {path}"
