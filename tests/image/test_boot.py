"""First boot: secrets and certificate are made on the machine, once, and never on the builder."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hub_client import HubUser
from testinfra.host import Host

SECRETS = (
    "/srv/jupyterhub/cookie_secret",
    "/srv/jupyterhub/proxy.env",
    "/etc/hubsmith/tls/privkey.pem",
    "/etc/hubsmith/tls/fullchain.pem",
)
REMEMBERED = "/var/lib/hubsmith/image-test.sha256"
FIRST_PASSWORD = tuple(f"hubsmith-first-password.{kind}" for kind in ("service", "path", "timer"))
UNITS = (
    "hubsmith-boot.service",
    "hubsmith-disk.service",
    "hubsmith-ready.service",
    "hubsmith-users.service",
    "hubsmith-users.path",
    *FIRST_PASSWORD,
)
FIRST_PASSWORDS_STATE = """
import sys
sys.path.insert(0, "/usr/lib/hubsmith/hub")
from hubsmith_hub import first_password
print(first_password.state_of(sys.argv[1]))
"""
MOUNTED = ("/data", "/home", "/srv/jupyterhub", "/etc/letsencrypt")


@pytest.mark.usefixtures("before_reboot")
def test_systemd_finds_nothing_to_complain_about(root: Host) -> None:
    done = root.run(
        "cd /usr/lib/systemd/system && systemd-analyze verify --man=no "
        f"{' '.join(f'./{unit}' for unit in UNITS)}"
    )
    assert (done.rc, done.stdout + done.stderr) == (0, "")


@pytest.mark.usefixtures("before_reboot")
def test_no_unit_waits_for_itself(root: Host) -> None:
    """systemd breaks a cycle by leaving out one of its units, and says so in the journal only."""
    told = root.run("systemd-analyze verify --man=no default.target")
    assert "cycle" not in told.stdout + told.stderr


def test_it_runs_at_boot(host: Host) -> None:
    assert all(
        host.service(unit).is_enabled
        for unit in ("hubsmith-boot", "hubsmith-ready", "hubsmith-users.path", *FIRST_PASSWORD[1:])
    )


@pytest.mark.usefixtures("on_builder")
def test_no_secret_was_made_on_the_builder(root: Host) -> None:
    assert not any(root.file(path).exists for path in (*SECRETS, "/srv/jupyterhub/jupyterhub.sqlite"))


@pytest.mark.usefixtures("booted")
class TestBooted:
    def test_it_has_done_its_work(self, root: Host) -> None:
        state = root.check_output(
            "systemctl show --value --property ActiveState --property Result hubsmith-boot"
        )
        assert state.split() == ["success", "active"]

    def test_secrets_are_for_root_only(self, root: Host) -> None:
        files = root.check_output(f"stat --format '%a %U:%G' {' '.join(SECRETS)}").splitlines()
        folders = root.check_output("stat --format '%a %U:%G' /srv/jupyterhub /etc/hubsmith/tls").splitlines()
        assert (files, folders) == (["600 root:root"] * len(SECRETS), ["700 root:root"] * 2)

    @pytest.mark.usefixtures("without_domain")
    def test_it_says_that_the_certificate_is_self_signed(self, root: Host) -> None:
        assert "SELF-SIGNED" in root.check_output("journalctl --unit hubsmith-boot --output cat")

    @pytest.mark.usefixtures("without_domain")
    def test_the_certificate_names_this_machine(self, root: Host) -> None:
        shown = root.check_output(
            "openssl x509 -noout -ext subjectAltName -in /etc/hubsmith/tls/fullchain.pem"
        )
        assert f"DNS:{root.check_output('hostname')}," in shown
        assert f"IP Address:{root.check_output('hostname --all-ip-addresses').split()[0]}," in shown

    def test_key_and_certificate_belong_together(self, root: Host) -> None:
        of_key = root.check_output("openssl pkey -in /etc/hubsmith/tls/privkey.pem -pubout")
        assert of_key == root.check_output("openssl x509 -in /etc/hubsmith/tls/fullchain.pem -noout -pubkey")

    @pytest.mark.usefixtures(
        "without_domain"
    )  # a machine with a domain would tell its operator that it is booting
    def test_once_more_changes_nothing(self, root: Host) -> None:
        before = root.check_output(f"sha256sum {' '.join(SECRETS)}")
        again = root.run("/usr/bin/python3 -I /usr/lib/hubsmith/boot")
        assert (again.rc, again.stdout) == (0, "")
        assert root.check_output(f"sha256sum {' '.join(SECRETS)}") == before

    def test_a_reboot_keeps_them(self, root: Host, stage: str) -> None:
        # perhaps not the machine that this was asked of before: several share the tests
        if stage == "rebooted":
            booted = int(root.check_output("awk '/^btime/ {print $2}' /proc/stat"))
            assert max(map(int, root.check_output(f"stat --format %Y {' '.join(SECRETS)}").split())) < booted
        if stage == "candidate":
            root.run_test(f"umask 077; sha256sum {' '.join(SECRETS)} > {REMEMBERED}")
        elif root.file(REMEMBERED).exists:
            assert root.run(f"sha256sum --check --quiet {REMEMBERED}").rc == 0


@pytest.mark.usefixtures("booted")
class TestSsh:
    """22 is for the operator only: an ssh session would be outside of a notebook's isolation."""

    def test_it_is_for_the_login_user(self, root: Host) -> None:
        login_user = root.check_output("echo $SUDO_USER")
        told = root.check_output(f"sshd -T -C user={login_user},host=localhost,addr=127.0.0.1").splitlines()
        assert [line.split()[1] for line in told if line.startswith("allowusers ")] == [login_user]
        assert "authorizedkeysfile .ssh/authorized_keys /etc/hubsmith/operator_keys" in told

    def test_a_user_of_the_hub_cannot_come_in_from_a_notebook(self, root: Host, hub_user: HubUser) -> None:
        key = (
            "mkdir -p -m 700 ~/.ssh && rm -f ~/.ssh/probe* && ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/probe"
        )
        try_it = (
            "cp ~/.ssh/probe.pub ~/.ssh/authorized_keys && ssh -i ~/.ssh/probe -o BatchMode=yes -o "
            "StrictHostKeyChecking=no localhost true"
        )
        # The status is told in words: 255 would be taken for one of our own ssh.
        told = root.check_output(
            "runuser --login %s --command %s 2>&1; echo status $?", hub_user.name, f"{key} && {try_it}"
        )
        assert told.splitlines()[-1] == "status 255"
        assert "Permission denied" in told


@pytest.mark.usefixtures("without_domain")
class TestNameless:
    def test_everything_is_on_the_root_disk(self, root: Host) -> None:
        assert not any(root.mount_point(path).exists for path in MOUNTED)

    def test_nobody_is_noted_anywhere(self, root: Host) -> None:
        assert not root.file("/run/hubsmith/registry.json").exists
        assert not root.file("/data").exists


class TestLaunched:
    def test_lasting_folders_are_on_the_data_volume(self, root: Host, launched: dict[str, Any]) -> None:
        devices = {
            root.check_output("findmnt --noheadings --output SOURCE --nofsroot %s", path) for path in MOUNTED
        }
        assert len(devices) == 1
        assert root.check_output("lsblk --noheadings --nodeps --output SERIAL %s", devices.pop()) == launched[
            "volume_id"
        ].replace("-", "")

    def test_nothing_on_it_gives_a_program_another_users_rights(
        self, root: Host, launched: dict[str, Any]
    ) -> None:
        for path in MOUNTED:
            assert {"nosuid", "nodev"} <= set(
                root.check_output("findmnt --noheadings --output OPTIONS %s", path).split(",")
            )

    def test_nobody_but_root_can_pass_through_data(self, root: Host, launched: dict[str, Any]) -> None:
        told = root.check_output(
            "stat --format '%a %U:%G' /data /data/hubsmith /data/hubsmith/users.json /srv/jupyterhub /home"
        )
        assert told.splitlines() == [
            "700 root:root",
            "700 root:root",
            "600 root:root",
            "700 root:root",
            "755 root:root",
        ]

    def test_the_file_system_is_as_large_as_the_disk(self, root: Host, launched: dict[str, Any]) -> None:
        device = root.check_output("findmnt --noheadings --output SOURCE /data")
        blocks = root.check_output(
            "dumpe2fs -h %s 2> /dev/null | awk '/^Block count|^Block size/ {print $3}'", device
        ).split()
        assert int(blocks[0]) * int(blocks[1]) > 0.99 * int(
            root.check_output("blockdev --getsize64 %s", device)
        )

    def test_without_the_volume_the_hub_would_not_run(self, root: Host, launched: dict[str, Any]) -> None:
        told = root.check_output("systemctl show --value --property Requires jupyterhub").split()
        assert {"home.mount", "srv-jupyterhub.mount", "etc-letsencrypt.mount"} <= set(told)
        assert (
            "data.mount" in root.check_output("systemctl show --value --property Requires home.mount").split()
        )

    def test_the_administrator_can_log_in_and_is_nobody_on_the_machine(
        self, root: Host, launched: dict[str, Any]
    ) -> None:
        admin = launched["admin"]
        assert root.user(admin).uid >= 2000
        assert "hubadmins" in root.user(admin).groups
        # Where nobody has used the first password in time, it is locked until an operator gives another.
        state = root.check_output("/usr/bin/python3 -I -c %s %s", FIRST_PASSWORDS_STATE, admin)
        assert state == "expired" or root.check_output("passwd --status %s", admin).split()[1] == "P"
        assert root.run("runuser --user %s -- sudo -n true", admin).rc != 0

    def test_everybody_here_is_in_the_registry(self, root: Host, launched: dict[str, Any]) -> None:
        kept = json.loads(root.file("/data/hubsmith/users.json").content_string)["users"]
        here = [line.split(":") for line in root.check_output("getent passwd").splitlines()]
        assert {row[0]: int(row[2]) for row in here if 2000 <= int(row[2]) < 60000} == {
            name: user["uid"] for name, user in kept.items()
        }

    def test_it_has_told_that_it_is_ready(self, root: Host, launched: dict[str, Any]) -> None:
        told = json.loads(root.file("/run/hubsmith/status.json").content_string)
        assert (told["phase"], told["certificate"]) == ("ready", "acme")
        assert told["instance_id"] == root.check_output("cloud-init query instance_id")

    def test_no_secret_was_in_what_it_was_told(self, root: Host, launched: dict[str, Any]) -> None:
        assert "PRIVATE KEY" not in json.dumps(launched)
        assert not {"password", "token", "secret"} & set(launched)
