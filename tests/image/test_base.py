"""The ground everything stands on: packages, apt, language, clock."""

from __future__ import annotations

import re

import pytest
from testinfra.host import Host


@pytest.mark.usefixtures("before_reboot")
def test_every_package_is_whole(root: Host) -> None:
    assert root.check_output("dpkg --audit") == ""


@pytest.mark.usefixtures("on_builder")
def test_no_update_is_missing(root: Host) -> None:
    assert "0 upgraded, 0 newly installed" in root.check_output(
        "LC_ALL=C apt-get --simulate --with-new-pkgs upgrade | tail -1"
    )


def test_apt_timers_are_quiet_on_the_builder_only(host: Host, stage: str) -> None:
    state = host.run("systemctl is-enabled apt-daily.timer apt-daily-upgrade.timer").stdout.split()
    assert state == ["masked-runtime"] * 2 if stage == "builder" else "masked" not in " ".join(state)


@pytest.mark.usefixtures("booted")
def test_security_updates_come_as_chosen(root: Host) -> None:
    chosen = "1" if "by themselves, on" in root.file("/etc/apt/apt.conf.d/52hubsmith").content_string else "0"
    told = root.check_output(
        "apt-config dump APT::Periodic::Unattended-Upgrade Unattended-Upgrade::Origins-Pattern"
    )
    assert f'APT::Periodic::Unattended-Upgrade "{chosen}";' in told
    timers = [root.service(f"{name}.timer").is_enabled for name in ("apt-daily", "apt-daily-upgrade")]
    assert timers == [chosen == "1"] * 2
    if chosen == "1":
        origins = re.findall(
            r'Origins-Pattern:: "(.*)"',
            root.check_output("apt-config dump Unattended-Upgrade::Origins-Pattern"),
        )
        assert origins
        assert all("-security" in origin for origin in origins)


@pytest.mark.usefixtures("before_reboot")
def test_administrators_of_the_hub_have_a_group_without_rights(root: Host) -> None:
    assert root.group("hubadmins").exists
    assert root.run("grep --recursive --quiet hubadmins /etc/sudoers /etc/sudoers.d /etc/polkit-1").rc != 0


@pytest.mark.usefixtures("before_reboot")
def test_text_is_utf_8(host: Host) -> None:
    assert host.check_output("locale charmap") == "UTF-8"
    assert host.file("/etc/default/locale").contains("^LANG=.*UTF-8$")


def test_time_is_utc_and_kept_right(host: Host) -> None:
    zone, keeps_time = host.check_output(
        "timedatectl show --property Timezone --property NTP --value"
    ).split()
    assert (zone.removeprefix("Etc/"), keeps_time) == ("UTC", "yes")


@pytest.mark.usefixtures("booted")
def test_every_processor_works(host: Host) -> None:
    online, present = (
        host.file(f"/sys/devices/system/cpu/{state}").content_string for state in ("online", "present")
    )
    assert online == present


@pytest.mark.usefixtures("booted")
def test_programs_are_at_random_addresses(host: Host) -> None:
    assert host.check_output("cat /proc/sys/kernel/randomize_va_space") == "2"


def test_settings_of_the_machine_are_roots(host: Host) -> None:
    folder = host.file("/etc/hubsmith")
    assert (folder.user, folder.group, folder.mode) == ("root", "root", 0o755)


@pytest.mark.usefixtures("before_reboot")
def test_installing_what_is_there_changes_nothing(root: Host) -> None:
    before = root.check_output("sha256sum < /var/lib/dpkg/status")
    assert root.run("/usr/lib/hubsmith/apt-get install acl openssl").stdout == ""
    assert root.check_output("sha256sum < /var/lib/dpkg/status") == before
