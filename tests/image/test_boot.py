"""First boot: secrets and certificate are made on the machine, once, and never on the builder."""

from __future__ import annotations

import pytest
from testinfra.host import Host

SECRETS = ("/srv/jupyterhub/cookie_secret", "/srv/jupyterhub/proxy.env", "/etc/hubsmith/tls/privkey.pem", "/etc/hubsmith/tls/fullchain.pem")
REMEMBERED = "/var/lib/hubsmith/image-test.sha256"


def test_systemd_finds_nothing_to_complain_about(root: Host) -> None:
    done = root.run("systemd-analyze verify --man=no /usr/lib/systemd/system/hubsmith-boot.service")
    assert (done.rc, done.stdout + done.stderr) == (0, "")


def test_it_runs_at_boot(host: Host) -> None:
    assert host.service("hubsmith-boot").is_enabled


@pytest.mark.usefixtures("on_builder")
def test_no_secret_was_made_on_the_builder(root: Host) -> None:
    assert not any(root.file(path).exists for path in (*SECRETS, "/srv/jupyterhub/jupyterhub.sqlite"))


@pytest.mark.usefixtures("booted")
class TestBooted:
    def test_it_has_done_its_work(self, root: Host) -> None:
        state = root.check_output("systemctl show --value --property ActiveState --property Result hubsmith-boot")
        assert state.split() == ["success", "active"]

    def test_secrets_are_for_root_only(self, root: Host) -> None:
        files = root.check_output(f"stat --format '%a %U:%G' {' '.join(SECRETS)}").splitlines()
        folders = root.check_output("stat --format '%a %U:%G' /srv/jupyterhub /etc/hubsmith/tls").splitlines()
        assert (files, folders) == (["600 root:root"] * len(SECRETS), ["700 root:root"] * 2)

    def test_it_says_that_the_certificate_is_self_signed(self, root: Host) -> None:
        assert "SELF-SIGNED" in root.check_output("journalctl --unit hubsmith-boot --output cat")

    def test_the_certificate_names_this_machine(self, root: Host) -> None:
        shown = root.check_output("openssl x509 -noout -ext subjectAltName -in /etc/hubsmith/tls/fullchain.pem")
        assert f"DNS:{root.check_output('hostname')}," in shown
        assert f"IP Address:{root.check_output('hostname --all-ip-addresses').split()[0]}," in shown

    def test_key_and_certificate_belong_together(self, root: Host) -> None:
        of_key = root.check_output("openssl pkey -in /etc/hubsmith/tls/privkey.pem -pubout")
        assert of_key == root.check_output("openssl x509 -in /etc/hubsmith/tls/fullchain.pem -noout -pubkey")

    def test_once_more_changes_nothing(self, root: Host) -> None:
        before = root.check_output(f"sha256sum {' '.join(SECRETS)}")
        again = root.run("/usr/bin/python3 -I /usr/lib/hubsmith/boot")
        assert (again.rc, again.stdout) == (0, "")
        assert root.check_output(f"sha256sum {' '.join(SECRETS)}") == before

    def test_a_reboot_keeps_them(self, root: Host, stage: str) -> None:
        if stage == "candidate":
            root.run_test(f"sha256sum {' '.join(SECRETS)} > {REMEMBERED}")
        elif root.file(REMEMBERED).exists:
            assert root.run(f"sha256sum --check --quiet {REMEMBERED}").rc == 0
