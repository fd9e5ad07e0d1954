"""certbot: there, able to use Route 53, with nothing of anybody's in the image; and what puts a new
certificate to use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hub_client import HubClient, trusting
from kernel_client import Kernel
from testinfra.host import Host

CERTBOT = "/opt/certbot/bin/certbot"
LINEAGE = "/run/hubsmith-test-lineage"
HOOK = "/usr/lib/hubsmith/deploy-certificate"
UNITS = (
    "certbot-renew.service",
    "certbot-renew.timer",
    "hubsmith-certificate.service",
    "hubsmith-certificate.timer",
)


@pytest.mark.usefixtures("before_reboot", "in_turn")
def test_certbot_renews_when_lets_encrypt_says_so(root: Host) -> None:
    version = re.search(r"certbot (\d+)\.(\d+)", root.check_output(f"{CERTBOT} --version"))
    assert version
    assert tuple(map(int, version.groups())) >= (4, 1)


@pytest.mark.usefixtures("on_builder", "in_turn")
def test_certbot_can_use_route_53(root: Host) -> None:
    assert "dns-route53" in root.check_output(f"{CERTBOT} plugins")


@pytest.mark.usefixtures("before_reboot")
def test_only_root_may_change_it(root: Host) -> None:
    assert (
        root.check_output("find /opt/certbot ! -type l '(' ! -user root -o ! -group root -o -perm /6022 ')'")
        == ""
    )


def test_it_looks_twice_a_day(host: Host) -> None:
    assert host.service("certbot-renew.timer").is_enabled
    assert "OnCalendar=*-*-* 00,12:00:00 " in host.check_output(
        "systemctl show --property TimersCalendar certbot-renew.timer"
    )


@pytest.mark.usefixtures("before_reboot")
def test_systemd_finds_nothing_to_complain_about(root: Host) -> None:
    done = root.run(
        "cd /usr/lib/systemd/system && systemd-analyze verify --man=no "
        f"{' '.join(f'./{unit}' for unit in UNITS)}"
    )
    assert (done.rc, done.stdout + done.stderr) == (0, "")


def test_there_is_no_account_and_no_certificate(root: Host, launch_data: dict[str, Any] | None) -> None:
    if launch_data:
        pytest.skip("this machine has its own")
    found = root.run("find /etc/letsencrypt /var/lib/letsencrypt -type f").stdout
    assert not [line for line in found.splitlines() if re.search(r"accounts|live|archive|renewal/", line)]


class TestOfADomain:
    """What a machine launched with a domain has got by itself."""

    def test_the_certificate_is_for_it(self, root: Host, launched: dict[str, Any]) -> None:
        shown = root.check_output(
            "openssl x509 -noout -ext subjectAltName -in "
            f"/etc/letsencrypt/live/{launched['domain']}/fullchain.pem"
        )
        assert f"DNS:{launched['domain']}" in shown
        if launched.get("subdomains"):
            assert f"DNS:*.{launched['domain']}" in shown

    def test_it_is_the_one_that_is_served(self, root: Host, launched: dict[str, Any]) -> None:
        serial = "openssl x509 -noout -serial"
        kept = root.check_output(f"{serial} -in /etc/letsencrypt/live/{launched['domain']}/fullchain.pem")
        assert (
            root.check_output(f"openssl s_client -connect localhost:443 < /dev/null 2> /dev/null | {serial}")
            == kept
        )

    def test_keys_are_for_root_only(self, root: Host, launched: dict[str, Any]) -> None:
        folders = "/etc/letsencrypt /etc/letsencrypt/live /etc/letsencrypt/archive /etc/letsencrypt/accounts"
        assert set(root.check_output(f"stat --format '%a %U:%G' {folders}").splitlines()) == {"700 root:root"}
        assert (
            root.check_output(
                "find /etc/letsencrypt /etc/hubsmith/tls -name 'privkey*.pem' -type f -perm /077"
            )
            == ""
        )

    def test_browsers_are_to_ask_for_https_only(self, root: Host, launched: dict[str, Any]) -> None:
        told = root.check_output("curl --silent --insecure --head https://localhost/hub/login")
        assert re.search(r"^strict-transport-security: max-age=\d{7,}", told, re.IGNORECASE | re.MULTILINE)

    def test_it_is_renewed_the_way_it_was_got(self, root: Host, launched: dict[str, Any]) -> None:
        wanted = launched.get("acme_directory", "https://acme-v02.api.letsencrypt.org/directory")
        assert (
            f"server = {wanted}"
            in root.file(f"/etc/letsencrypt/renewal/{launched['domain']}.conf").content_string
        )
        # too early to renew: nothing to do, and no error
        assert root.run("systemctl start certbot-renew.service").rc == 0


@pytest.mark.usefixtures("without_domain")
def test_nobody_is_told_to_remember_a_machine_without_a_name(root: Host) -> None:
    assert (
        "strict-transport"
        not in root.check_output("curl --silent --insecure --head https://localhost/hub/login").lower()
    )


@pytest.fixture
def lineage(root: Host, kernel: Kernel) -> Iterator[str]:
    """A new certificate, as certbot hands one to its hook; the machine's own is put back afterwards."""
    make = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 30 -subj /CN=renewed"
    )
    names = "-addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE"
    root.run_test(
        f"mkdir --mode 0700 {LINEAGE} {LINEAGE}/own && cp /etc/hubsmith/tls/*.pem {LINEAGE}/own"
        f" && {make} {names} -keyout {LINEAGE}/privkey.pem -out {LINEAGE}/fullchain.pem"
    )
    yield LINEAGE
    root.run_test(f"RENEWED_LINEAGE={LINEAGE}/own {HOOK}; rm --recursive {LINEAGE}")
    kernel.connect()  # as a browser does when a proxy has closed its connections


@pytest.mark.usefixtures("heavy", "exclusive", "in_turn")
def test_a_new_certificate_is_served_and_no_notebook_notices(
    root: Host, lineage: str, notebook: HubClient, kernel: Kernel
) -> None:
    kernel.run("kept = 41")
    done = root.run(f"RENEWED_LINEAGE={lineage} {HOOK}")
    assert done.rc == 0, done.stdout + done.stderr
    with HubClient(notebook.url, trusting(root.file(f"{lineage}/fullchain.pem").content_string)) as fresh:
        assert fresh.get("/hub/health").ok
        fresh.session.cookies.update(notebook.session.cookies)
        fresh.user = notebook.user
        again = Kernel(fresh, kernel.kernel_id)
        again.connect()
        assert again.run("kept + 1") == "42"
        again.disconnect()
