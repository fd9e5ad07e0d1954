"""This system's files with a layer above them, in which a provisioner runs as root; what it writes is gone
afterwards.

It needs root and a kernel that lays overlays. The network is this machine's own; systemd does not run in it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from test_python import LOCK, LOCKED

from build.bake.inputs import provisioner_files
from build.bake.steps.provision import given
from build.manifest import Manifest, environment
from build.remote import file_tree
from build.remote.shell import exports

REPO = Path(__file__).parents[3]
PREFIX = "/opt/anaconda"
WORK = "/var/lib/hubsmith/build"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MOUNT = """
mount -t overlay overlay -o lowerdir=/,upperdir="$1/upper",workdir="$1/work" "$1/root"
mount --rbind /dev "$1/root/dev"; mount -t proc proc "$1/root/proc"; mount -t tmpfs tmpfs "$1/root/run"
mkdir -p "$1/root/run/hubsmith/apt"
resolv="$1/root/etc/resolv.conf"
[ ! -e "$resolv" ] || [ -s "$resolv" ] || cat /etc/resolv.conf > "$resolv"
echo up; read -r _ || true
"""


@dataclass(frozen=True)
class Done:
    """How a command ended, and all it said."""

    status: int
    said: str


class Root:
    """A changed copy of this system; commands run in it as root, or as another user."""

    def __init__(self, folder: Path, pid: int) -> None:
        self._folder = folder
        self._enter = [
            "nsenter",
            f"--target={pid}",
            "--mount",
            "chroot",
            str(folder / "root"),
            "env",
            "-i",
            f"PATH={PATH}",
        ]

    def run(self, command: str, variables: Mapping[str, str] | None = None, timeout_s: float = 300) -> Done:
        given = [
            f"{name}={value}" for name, value in {"HOME": "/root", **proxies(), **(variables or {})}.items()
        ]
        done = subprocess.run(
            [*self._enter, *given, "bash", "-c", command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        return Done(done.returncode, (done.stdout + done.stderr).strip())

    def as_user(self, name: str, command: str, *, shell: str = "-lc", **variables: str) -> Done:
        given = " ".join(f"{key}={value}" for key, value in variables.items())
        quoted = command.replace("'", "'\\''")
        return self.run(
            f"cd / && HOME=$(getent passwd {name} | cut -d: -f6) runuser --user {name} -- env {given} bash "
            f"{shell} '{quoted}'"
        )

    def lay(self, manifest: Manifest, name: str) -> None:
        """Only the files of a provisioner, over /."""
        use = next(use for use in manifest.provisioners if use.name == name)
        self._send(list(provisioner_files.laid_over(use).values()))

    def provision(self, manifest: Manifest, name: str, mirror: str) -> Done:
        """One provisioner as Provision does it: its files, then its install.sh."""
        self.lay(manifest, name)
        use = next(use for use in manifest.provisioners if use.name == name)
        variables = {**environment(use), "CONDA_CHANNEL_ALIAS": f"{mirror}/conda"}
        self._send(
            [
                file_tree.FileEntry(
                    f"{WORK}/install.sh", (use.folder / "install.sh").read_bytes(), file_tree.roots(0o700)
                ),
                file_tree.FileEntry(
                    f"{WORK}/run_install.sh",
                    (REPO / "build/bake/scripts/run_install.sh").read_bytes(),
                    file_tree.roots(0o700),
                ),
                file_tree.FileEntry(
                    f"{WORK}/environment", exports(variables).encode(), file_tree.roots(0o600)
                ),
                *given(use, WORK),
            ]
        )
        return self.run(f"cd {WORK} && bash ./run_install.sh 2>&1", timeout_s=900)

    def _send(self, entries: list[file_tree.FileEntry]) -> None:
        subprocess.run(
            [*self._enter, "tar", "-x", "-p", "-f", "-", "-C", "/"],
            input=file_tree.archive(entries),
            check=True,
        )


def proxies() -> dict[str, str]:
    """How this machine reaches registries; the mirror of the tests is on loopback."""
    given = {
        name: value
        for name, value in os.environ.items()
        if "proxy" in name.lower() or name in ("SSL_CERT_FILE", "PIP_INDEX_URL")
    }
    return {**given, "no_proxy": "127.0.0.1,localhost", "NO_PROXY": "127.0.0.1,localhost"}


@contextmanager
def overlay(folder: Path) -> Iterator[Root]:
    """Mounted in a namespace of its own, so that it is gone with the process that holds it.

    Raises OSError where that cannot be.
    """
    for name in ("upper", "work", "root"):
        (folder / name).mkdir(parents=True)
    command = ["unshare", "--mount", "--propagation=private", "bash", "-euc", _MOUNT, "bash", str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stderr is not None
        try:
            if holder.stdout.readline().strip() != "up":
                raise OSError(holder.stderr.read().strip())
            yield Root(folder, holder.pid)
        finally:
            holder.kill()
    # Half a gigabyte of small files: the next test does not wait until they are gone.
    subprocess.run(["sh", "-c", 'rm -rf "$1" > /dev/null 2>&1 &', "sh", str(folder)], check=True)


def the_images_own_test_agrees_with_the_lock(root: Root, manifest: Manifest) -> None:
    """The image has the lock it was made from; its test is content with what is installed, and names what
    another lock would want.
    """
    (use,) = [use for use in manifest.provisioners if use.given]
    for name, text in use.given.items():
        assert root.run(f"cat {LOCK}/{name}.txt").said == text.strip()
    assert root.run(f"{PREFIX}/bin/python -c {quote(LOCKED)}").said == ""
    root.run(f"sed -i s/cowsay==6.0/cowsay==5.0/ {LOCK}/pip.txt")
    assert root.run(f"{PREFIX}/bin/python -c {quote(LOCKED)}").said == "cowsay 6.0 and not 5.0"
