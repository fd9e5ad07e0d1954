"""The two services: hub and proxy."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from networks import HUB_PORT, Settings
from testinfra.host import Host

UNITS = ("jupyterhub", "jupyterhub-proxy")
# What `systemd-analyze security` says, from 0 to 10 (worst). The hub is root, because it starts other users'
# servers.
EXPOSURE = {"jupyterhub": 8.0, "jupyterhub-proxy": 2.5} | dict.fromkeys(
    (
        "hubsmith-boot",
        "hubsmith-certificate",
        "hubsmith-disk",
        "hubsmith-ready",
        "hubsmith-users",
        "certbot-renew",
        "hubsmith-network",
    ),
    8.5,
)


@pytest.mark.usefixtures("before_reboot")
def test_systemd_finds_nothing_to_complain_about(root: Host) -> None:
    done = root.run(
        "cd /usr/lib/systemd/system && systemd-analyze verify --man=no "
        f"{' '.join(f'./{unit}.service' for unit in UNITS)}"
    )
    assert (done.rc, done.stdout + done.stderr) == (0, "")


@pytest.mark.usefixtures("before_reboot")
@pytest.mark.parametrize("unit", UNITS)
def test_they_give_up_when_they_fall_again_and_again(host: Host, unit: str) -> None:
    # Else a broken certificate makes a hub that is started for ever and reported nowhere.
    assert "StartLimitBurst=10" in host.check_output(f"systemctl show --property StartLimitBurst {unit}")
    assert "Restart=always" in host.check_output(f"systemctl show --property Restart {unit}")


@pytest.mark.parametrize("unit", UNITS)
def test_they_start_at_boot(host: Host, unit: str) -> None:
    assert host.service(unit).is_enabled


@pytest.mark.usefixtures("before_reboot")
def test_they_wait_for_network_and_secrets(host: Host) -> None:
    for unit in UNITS:
        after = host.check_output(f"systemctl show --value --property After {unit}").split()
        assert {"network-online.target", "hubsmith-boot.service", "hubsmith-network.service"} <= set(after)


@pytest.mark.usefixtures("before_reboot")
def test_the_hub_needs_the_folders_that_a_data_volume_brings(host: Host) -> None:
    told = host.check_output("systemctl show --value --property RequiresMountsFor jupyterhub").split()
    assert {"/home", "/srv/jupyterhub", "/etc/letsencrypt"} <= set(told)


@pytest.mark.usefixtures("on_builder")
def test_they_have_not_run_on_the_builder(host: Host) -> None:
    for unit in UNITS:
        told = host.check_output(
            f"systemctl show --value --property ActiveState --property ExecMainStartTimestamp {unit}"
        )
        assert told.split() == ["inactive"]


@pytest.mark.usefixtures("booted")
class TestRunning:
    @pytest.mark.parametrize("unit", UNITS)
    def test_they_run_and_did_not_fall(self, host: Host, unit: str) -> None:
        assert host.service(unit).is_running
        assert host.check_output(f"systemctl show --value --property NRestarts {unit}") == "0"

    @pytest.mark.parametrize(
        ("unit", "program"),
        [("jupyterhub", "/opt/hub/bin/jupyterhub"), ("jupyterhub-proxy", "/opt/hub/bin/node")],
    )
    def test_the_main_process_is_the_program_itself(self, root: Host, unit: str, program: str) -> None:
        # With a shell in between, signals and exit statuses are the shell's.
        told = root.check_output(
            f"tr '\\0' ' ' < /proc/$(systemctl show --value --property MainPID {unit})/cmdline"
        ).split()
        assert program in told[:2]

    @pytest.mark.parametrize("unit", UNITS)
    def test_systemd_knows_the_files_as_they_are(self, host: Host, unit: str) -> None:
        assert host.check_output(f"systemctl show --value --property NeedDaemonReload {unit}") == "no"

    @pytest.mark.usefixtures("before_reboot")
    @pytest.mark.parametrize(("unit", "bound"), EXPOSURE.items())
    def test_exposure_is_bounded(
        self, root: Host, unit: str, bound: float, record_property: Callable[[str, object], None]
    ) -> None:
        last = root.check_output(f"systemd-analyze security --no-pager {unit} | tail -1")
        found = re.search(r"([0-9.]+) [A-Z]+", last)
        assert found, last
        exposure = float(found[1])
        record_property(f"exposure of {unit}", exposure)  # goes into the JUnit file
        assert exposure <= bound

    def test_the_world_sees_sshd_and_the_proxy_only(self, host: Host, settings: Settings) -> None:
        listening = {
            line.split()[3]
            for line in host.check_output("ss --no-header --listening --tcp --numeric").splitlines()
        }
        outer = {
            address for address in listening if not address.startswith(("127.", "[::1]", "[::ffff:127."))
        }
        # The hub's address is for users' servers; network/test_machine.py knocks at it from where it is
        # closed.
        hub = f"{settings.host}:{HUB_PORT}"
        assert {address for address in outer if address.startswith(f"{settings.host}:")} == {hub}
        assert {address.rpartition(":")[2] for address in outer - {hub}} == {"22", "80", "443"}

    def test_no_other_protocol_is_answered_either(self, host: Host) -> None:
        listening = {
            line.split()[3]
            for line in host.check_output("ss --no-header --listening --udp --numeric").splitlines()
        }
        outer = {address for address in listening if not address.startswith(("127.", "[::1]"))}
        assert {address.rpartition(":")[2] for address in outer} <= {"68", "546"}  # the DHCP client's

    def test_the_proxys_api_is_a_socket_in_a_folder_of_its_own(self, root: Host) -> None:
        assert root.check_output("stat --format '%a %F' /run/jupyterhub-proxy/") == "700 directory"
        assert root.file("/run/jupyterhub-proxy/api.sock").is_socket

    def test_plain_http_is_sent_to_https(self, host: Host) -> None:
        answer = host.check_output(
            "curl --silent --output /dev/null --write-out '%{http_code} %{redirect_url}' "
            "http://localhost/hub/"
        )
        status, _, place = answer.partition(" ")
        assert status in ("301", "302", "307", "308")
        assert place.startswith("https://localhost")

    @pytest.mark.parametrize(
        ("version", "answered"), [("tls1", False), ("tls1_1", False), ("tls1_2", True), ("tls1_3", True)]
    )
    def test_only_tls_of_today_is_spoken(self, host: Host, version: str, answered: bool) -> None:
        # Level 0: it is the proxy that refuses, not this machine's openssl.
        told = host.run(
            f"openssl s_client -connect localhost:443 -{version} -cipher ALL:@SECLEVEL=0 < /dev/null"
        ).stdout
        assert bool(re.search(r"New, TLSv1[.\d]*, Cipher is (?!\(NONE\))", told)) == answered

    def test_its_operator_sees_how_it_is(self, root: Host, launch_data: dict[str, Any] | None) -> None:
        told = json.loads(root.check_output("/usr/lib/hubsmith/status"))
        assert (told["boot"]["phase"], told["hub"]["ok"], told["proxy"]["ok"]) == ("ready", True, True)
        assert told["certificate"]["serial"] == told["certificate"]["served_serial"]
        assert told["certificate"]["days_left"] > 0
        assert 0.25 < told["certificate"]["share_left"] <= 1
        assert told["certificate"]["problem"] is None
        assert told["volume"]["mounted"] == bool(launch_data and launch_data["volume_id"])
        assert told["volume"]["free_gib"] > 0

    @pytest.mark.usefixtures("heavy")
    def test_its_operator_is_told_of_an_update_that_waits_for_a_restart(self, root: Host) -> None:
        root.check_output("echo linux-image-amd64 | tee /run/reboot-required > /run/reboot-required.pkgs")
        try:
            told = json.loads(root.check_output("/usr/lib/hubsmith/status"))["restart"]
        finally:
            root.check_output("rm /run/reboot-required /run/reboot-required.pkgs")
        assert (told["needed"], told["packages"]) == (True, ["linux-image-amd64"])

    @pytest.mark.usefixtures("heavy", "in_turn")
    def test_its_operator_can_have_a_server_started_that_leaves_nothing(self, root: Host) -> None:
        told = json.loads(root.check_output("/usr/lib/hubsmith/status --spawn"))["spawn"]
        assert told["ok"], told["message"]
        assert told["seconds"] > 0
        assert "hubsmith-check" not in root.check_output("getent passwd")
        assert root.check_output("ls /run/hubsmith | grep check || true") == ""
        # The namespace of its user goes with the server: those that stay are of users who are still there.
        uids = "ls /run/netns 2> /dev/null | sed --quiet 's/^jupyter-//p'"
        left = f"{uids} | while read -r uid; do getent passwd $uid > /dev/null || echo $uid; done"
        root.check_output("timeout 60 bash -c %s", f'while [[ -n "$({left})" ]]; do sleep 0.5; done')

    def test_the_proxy_is_not_root(self, root: Host) -> None:
        assert (
            root.check_output("ps -o user= -p $(systemctl show --value --property MainPID jupyterhub-proxy)")
            != "root"
        )

    def test_the_proxys_api_wants_its_token(self, root: Host) -> None:
        ask = (
            "curl --silent --output /dev/null --write-out '%{http_code}' --unix-socket "
            "/run/jupyterhub-proxy/api.sock http://proxy/api/routes"
        )
        assert root.check_output(ask) == "403"
