"""The image's files, seen from outside before any machine has booted from them: nothing of the builder,
nobody's secret.

HUBSMITH_IMAGE_ROOT is where they are mounted on the machine the tests reach; HUBSMITH_SECRETS is a file there
with strings of the build that made them, one a line. What has to be gone is what EC2 Image Builder's and k8s
image-builder's own clean-up remove, and more.
"""

from __future__ import annotations

import os
import shlex

import pytest
from testinfra.host import Host

ROOT, SECRETS = (os.environ.get(f"HUBSMITH_{name}", "") for name in ("IMAGE_ROOT", "SECRETS"))
pytestmark = pytest.mark.skipif(not ROOT, reason="only against the mounted files of an image")

ABSENT = (
    "root/.ssh", "home/*/.ssh", "etc/ssh/ssh_host_*", "etc/dropbear/*host_key", "etc/hostname",
    "root/.*_history", "home/*/.*_history", "root/.viminfo", "root/.lesshst", "root/.wget-hsts",
    "root/.cache", "home/*/.cache", "root/.npm", "root/.conda", "root/.aws", "home/*/.aws",
    "root/.local/share/uv",
    "var/lib/cloud/*", "var/log/cloud-init*", "run/cloud-init/*", "etc/sudoers.d/90-cloud-init-users",
    "etc/netplan/50-cloud-init.yaml",
    "var/lib/systemd/random-seed", "var/lib/systemd/credential.secret", "boot/efi/loader/random-seed",
    "var/lib/dhcp/*.leases", "var/lib/NetworkManager/*.lease", "var/lib/systemd/timesync/clock",
    "var/lib/systemd/coredump/*", "var/crash/*", "var/log/journal/*", "var/log/audit/*", "var/log/apt/*",
    "var/log/dpkg.log*",
    "var/log/jupyterhub/*", "var/log/syslog*", "var/log/auth.log*",
    "var/lib/apt/lists/*", "var/cache/apt/archives/*.deb", "var/cache/apt/*.bin", "opt/*/pkgs",
    "tmp/*", "var/tmp/*", "var/lib/hubsmith/build", "etc/systemd/system-generators/hubsmith-layer",
    "srv/jupyterhub/*", "etc/hubsmith/tls/*", "etc/hubsmith/launch.json", "etc/hubsmith/operator_keys",
    "data",
    "etc/letsencrypt/accounts", "etc/letsencrypt/live", "etc/letsencrypt/archive", "etc/letsencrypt/renewal",
    "var/lib/letsencrypt/*",
)  # fmt: skip
PRIVATE = "PRIVATE KEY-----"
# the type of that partition (UEFI specification, "EFI System Partition")
EFI = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
EMPTY = ("var/log/wtmp", "var/log/btmp", "var/log/lastlog")


def found(root: Host, command: str) -> list[str]:
    """Lines of a command run in the image's root folder."""
    return str(root.check_output(f"cd {ROOT} && {command}")).splitlines()


def among(root: Host, files: list[str], pattern: str) -> list[str]:
    """Of these files, those in which grep finds something."""
    return found(root, f"LC_ALL=C grep --files-with-matches {pattern} /dev/null {shlex.join(files)} || true")


def test_these_are_gone(root: Host) -> None:
    assert found(root, f"ls --directory --almost-all {' '.join(ABSENT)} 2> /dev/null || true") == []


def test_these_are_empty(root: Host) -> None:
    assert found(root, f"find {' '.join(EMPTY)} -size +0 2> /dev/null || true") == []


def test_no_key_lets_anybody_in(root: Host) -> None:
    assert found(root, "find . -name 'authorized_keys*'") == []


def test_the_machine_has_no_identity_yet(root: Host) -> None:
    assert found(root, "cat etc/machine-id") in ([], ["uninitialized"])
    assert found(root, "find var/lib/dbus/machine-id -type f 2> /dev/null || true") == []
    assert found(root, "grep ^127.0.1.1 etc/hosts || true") == []  # Debian's place for the machine's own name


def test_nobody_has_a_password(root: Host) -> None:
    # An empty field is worse than a hash: PAM lets in whoever gives that name.
    shadow = [line.split(":") for line in found(root, "cat etc/shadow etc/shadow- 2> /dev/null || true")]
    assert "root" in [row[0] for row in shadow]
    assert [row[0] for row in shadow if not row[1].startswith(("!", "*"))] == []
    assert [line for line in found(root, "cat etc/passwd") if line.split(":")[1] != "x"] == []


@pytest.fixture(scope="module")
def suspects(machine: Host) -> list[str]:
    """Files with a line of a private key, or with what the build knew: all files are read once for both, by
    each processor some.
    """
    with machine.sudo():
        search = f"grep --files-with-matches --text --fixed-strings --regexp='{PRIVATE}' --file={SECRETS}"
        listed = found(
            machine,
            "find . -type f -size +0 -print0 | LC_ALL=C xargs --null --max-procs=$(nproc) "
            f"--max-args=500 {search} || true",
        )
    assert listed, "ssh-keygen itself has the line of a private key: this search finds nothing anywhere"
    return listed


@pytest.mark.xdist_group("suspects")
def test_there_is_no_private_key(root: Host, suspects: list[str]) -> None:
    # At the start of a line of text: programs have it in the middle of one, packages' own tests and examples
    # in code whole keys.
    header = f"-----BEGIN [A-Z ]*{PRIVATE}"
    listed = among(root, suspects, f"--binary-files=without-match --extended-regexp --regexp='^{header}'")
    assert [
        path
        for path in listed
        if "/tests/" not in path and "/test/" not in path and not path.endswith((".py", ".js"))
    ] == []


@pytest.mark.xdist_group("suspects")
def test_nothing_the_build_knew_is_in_any_file(root: Host, suspects: list[str]) -> None:
    lines = root.check_output(f"cat {SECRETS}").splitlines()
    assert len(lines) >= 3
    assert all(len(line) > 20 for line in lines)
    assert among(root, suspects, f"--text --fixed-strings --file={SECRETS}") == []


def test_no_log_is_left(root: Host) -> None:
    # Of whatever program: audit, boot, cron, the agents of a cloud.
    assert found(root, "find var/log -type f -size +0") == []


def test_the_efi_partition_is_looked_at_too(root: Host) -> None:
    disk = root.check_output(
        f"lsblk --noheadings --output PKNAME $(findmnt --noheadings --output SOURCE {ROOT})"
    )
    partitions = (
        root.check_output(f"lsblk --list --noheadings --output PARTTYPE,MOUNTPOINT /dev/{disk}").splitlines()
        if disk
        else []
    )
    assert [line for line in partitions if line.lower().startswith(EFI) and ROOT not in line] == []


def test_logs_are_few(root: Host) -> None:
    assert int(found(root, "du --summarize --bytes var/log")[0].split()[0]) < 1_000_000
