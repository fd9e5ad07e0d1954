"""The image as a whole: it boots cleanly and nothing of the builder is in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import pytest
from testinfra.host import Host

# What a second run of the provisioners may not touch: content, owners, modes and, where nothing is rewritten,
# times.
STATE = r"""
{ find /opt /usr /srv /home -xdev -printf '%p %s %m %U %G %T@ %l\n'
  find /etc -xdev -printf '%p %m %U %G %l\n'
  find /etc -xdev -type f -exec sha256sum {} +
  dpkg-query --show; } | sort
"""
# What no other machine may have: its own id, host keys, and what was made at its first boot.
IDENTITY = """
cat /etc/machine-id
cut -d' ' -f2 /etc/ssh/ssh_host_*_key.pub
cd /srv/jupyterhub
sha256sum cookie_secret *.env *.token /etc/hubsmith/tls/*.pem | cut -d' ' -f1
"""
AGAIN = (
    "for folder in /var/lib/hubsmith/build/[0-9]*/; do cd $folder && bash ./run_install.sh > "
    "/run/again.log 2>&1 || exit 1; done"
)


@pytest.mark.usefixtures("on_builder", "alone")
def test_the_provisioners_once_more_change_nothing(root: Host) -> None:
    root.check_output(f"({STATE}) > /run/before")
    done = root.run(AGAIN)
    assert done.rc == 0, root.file("/run/again.log").content_string
    root.check_output(f"({STATE}) > /run/after")
    assert root.run("diff /run/before /run/after").stdout == ""


@pytest.mark.usefixtures("on_builder")
def test_a_builder_that_is_forgotten_ends_itself(host: Host) -> None:
    told = host.check_output(
        "systemctl show --property ActiveState --property Unit --property NextElapseUSecMonotonic "
        "hubsmith-end.timer"
    )
    properties = dict(line.split("=", 1) for line in told.splitlines())
    assert (properties["ActiveState"], properties["Unit"]) == ("active", "poweroff.target")
    assert properties["NextElapseUSecMonotonic"] not in ("", "infinity")


@pytest.mark.usefixtures("booted")
def test_everything_has_started(host: Host) -> None:
    state = host.run("systemctl is-system-running --wait").stdout.strip()
    assert state == "running", host.check_output("systemctl --failed --no-legend --plain")


@pytest.mark.usefixtures("booted")
def test_cloud_init_is_content(root: Host) -> None:
    told = json.loads(root.run("cloud-init status --format json").stdout)
    assert (told["status"], told["errors"]) == ("done", [])


@pytest.mark.usefixtures("booted")
def test_sshd_takes_keys_only(root: Host) -> None:
    told = dict(line.split(" ", 1) for line in root.check_output("sshd -T").splitlines())
    assert (
        told["passwordauthentication"]
        == told["kbdinteractiveauthentication"]
        == told["permitemptypasswords"]
        == "no"
    )
    assert told["permitrootlogin"] in ("no", "without-password", "prohibit-password", "forced-commands-only")


@pytest.mark.usefixtures("booted", "before_reboot")
def test_there_is_no_account_that_nothing_uses(host: Host) -> None:
    # The hub is root, so that it can start users' servers; a user called jupyterhub would only look as if it
    # were not.
    assert not host.user("jupyterhub").exists


@pytest.mark.usefixtures("booted")
def test_the_identity_is_this_machines_own(root: Host) -> None:
    assert len(root.check_output("cat /etc/machine-id")) == 32
    assert root.check_output("cloud-init query instance_id") in root.check_output(
        "readlink /var/lib/cloud/instance"
    )
    # Only this instance has ever been here.
    assert len(root.check_output("ls /var/lib/cloud/instances").split()) == 1


@pytest.mark.usefixtures("booted", "before_reboot")
def test_its_secrets_can_be_compared_with_another_machines(
    root: Host, record_property: Callable[[str, object], None]
) -> None:
    """Digests of them go into the JUnit file, for whoever has a second machine of the image."""
    secrets = root.check_output(IDENTITY).split()
    assert len(secrets) >= 8
    record_property("identity", " ".join(hashlib.sha256(secret.encode()).hexdigest() for secret in secrets))


@pytest.mark.usefixtures("booted", "before_reboot")
@pytest.mark.parametrize(
    "path", ["/root/.cache", "/root/.npm", "/root/.bash_history", "/var/lib/hubsmith/build"]
)
def test_nothing_of_the_build_is_left(root: Host, path: str) -> None:
    assert not root.file(path).exists


@pytest.mark.usefixtures("booted", "before_reboot")
def test_no_file_is_open_to_everybody(root: Host) -> None:
    assert (
        root.check_output(
            "find / -ignore_readdir_race -xdev -type f -perm -0002 -not -path '/proc/*' -not -path '/tmp/*'"
        )
        == ""
    )


@pytest.mark.usefixtures("booted", "before_reboot")
def test_nothing_in_opt_belongs_to_users(root: Host) -> None:
    # A folder that they cannot read (bytecode that root's certbot wrote, say) is not theirs either.
    writable = "! -type l -writable -print -o -type d ! -readable -prune"
    assert root.check_output(f"cd / && runuser --user nobody -- find /opt {writable}") == ""
