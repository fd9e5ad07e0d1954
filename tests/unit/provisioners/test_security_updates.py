"""Security updates on an image's machines: by themselves or not at all, as the base provisioner says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from build.remote import file_tree

BASE = Path(__file__).parents[3] / "provisioners/base"
APT = Path("etc/apt/apt.conf.d/52hubsmith.j2")
NEEDRESTART = BASE / "files/etc/needrestart/conf.d/hubsmith.conf"
TIMERS = "apt-daily.timer apt-daily-upgrade.timer"
# As needrestart 3.6 reads such a file, and what it then does with each service (its main program, "don't
# restart greylisted services"): the first expression that matches, in their order as text, says.
READ = r"""
use strict; use warnings;
our %nrconf = (defno => 0, override_rc => {qr(^dbus) => 0, qr(^getty@.+\.service) => 0});
eval do { local(@ARGV, $/) = shift @ARGV; <> };
die $@ if $@;
for my $rc (@ARGV) {
    my ($found) = grep { $rc =~ /$_/ } sort keys %{$nrconf{override_rc}};
    my $restart = defined $found ? $nrconf{override_rc}->{$found} : !$nrconf{defno};
    print "$rc\n" if $restart;
}
"""


@pytest.mark.skipif(not shutil.which("apt-config"), reason="there is no apt here to read it")
@pytest.mark.parametrize("wanted", [True, False])
def test_apt_reads_what_was_chosen(tmp_path: Path, wanted: bool) -> None:
    (file,) = file_tree.collect(BASE / "files", [APT], {"security_updates": wanted}, {})
    (tmp_path / "apt.conf").write_bytes(file.content)
    command = ["apt-config", "-c", str(tmp_path / "apt.conf"), "dump"]
    told = dict(
        re.findall(
            r'^(\S+) "(.*)";$',
            subprocess.run(command, capture_output=True, text=True, check=True).stdout,
            re.MULTILINE,
        )
    )
    assert (
        told["APT::Periodic::Unattended-Upgrade"]
        == told["APT::Periodic::Update-Package-Lists"]
        == str(int(wanted))
    )
    assert told.get("Unattended-Upgrade::Automatic-Reboot") == ("false" if wanted else None)


@pytest.mark.parametrize(
    ("wanted", "verb", "package"), [("true", "enable", "unattended-upgrades"), ("false", "disable", "")]
)
def test_timers_start_on_the_machines_only_where_it_was_chosen(wanted: str, verb: str, package: str) -> None:
    functions = re.findall(
        r"^readonly timers=[^\n]*$|^\w+\(\) \{\n.*?^\}$",
        (BASE / "install.sh").read_text(),
        re.MULTILINE | re.DOTALL,
    )
    assert "".join(functions).count("apt update") == 0, "more than functions"
    script = "\n".join(
        ['systemctl() { echo "$*"; }', *functions, "choose_security_updates", "package_for_updates"]
    )
    done = subprocess.run(
        ["/bin/bash", "-eu", "-c", script],
        env={"SECURITY_UPDATES": wanted, "PATH": "/nowhere"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    # Masked in /run, until the builder ends: nothing starts while it is built.
    assert done == [
        f"unmask --quiet --runtime {TIMERS}", f"--quiet --no-reload {verb} {TIMERS}",
        f"mask --quiet --runtime {TIMERS}",
        *([package] if package else []),
    ]  # fmt: skip


@pytest.mark.skipif(not shutil.which("perl"), reason="there is no perl here to read it")
def test_needrestart_restarts_nothing_of_the_hub() -> None:
    """Ubuntu's restarts services by itself after an update, in unattended runs too:
    https://github.com/debops/debops/pull/2668
    """
    units = BASE.parent.glob("*/files/usr/lib/systemd/system/*.service")
    own = {unit.name for unit in units if not unit.name.startswith("certbot-renew")}
    assert len(own) > 10
    servers = ["jupyter-ada-singleuser.service", "jupyter-ada-NlabX202-singleuser.service"]
    command = ["perl", "-e", READ, str(NEEDRESTART), *own, *servers, "rsyslog.service", "dbus.service"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["rsyslog.service"]
