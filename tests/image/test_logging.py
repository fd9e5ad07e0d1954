"""Where the logs end up, that they stay within bounds, and that a full disk of them stops nobody."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator

import pytest
from hub_client import HubClient, HubUser
from kernel_client import Kernel
from testinfra.host import Host

FOLDER = "/var/log/jupyterhub"


@pytest.mark.usefixtures("before_reboot")
def test_rsyslog_finds_nothing_to_complain_about(root: Host) -> None:
    done = root.run("rsyslogd -N1")
    assert done.rc == 0
    assert "error" not in (done.stdout + done.stderr).lower()


@pytest.mark.usefixtures("before_reboot")
def test_logrotate_finds_nothing_to_complain_about(root: Host) -> None:
    told = root.run("logrotate --debug /etc/logrotate.d/jupyterhub")
    complaints = [
        line
        for line in (told.stdout + told.stderr).splitlines()
        if "error" in line or "overrid" in line or "insecure" in line
    ]
    assert (told.rc, complaints) == (0, [])


@pytest.mark.usefixtures("before_reboot")
def test_they_are_rotated_daily_or_when_they_are_large(root: Host) -> None:
    told = root.run("logrotate --debug /etc/logrotate.d/jupyterhub")
    assert re.search(rf"rotating pattern: {FOLDER}/\*\.log +after 1 days ", told.stdout + told.stderr)
    assert re.search(r"log files >= \d+ are rotated earlier", told.stdout + told.stderr)


def test_rotation_is_looked_at_every_ten_minutes(root: Host) -> None:
    """https://github.com/logrotate/logrotate/issues/578"""
    assert "*-*-* *:00/10:00" in root.check_output("systemctl show --property TimersCalendar logrotate.timer")


@pytest.mark.usefixtures("before_reboot")
def test_what_is_rotated_is_bounded_in_all(root: Host) -> None:
    folder = "/run/hubsmith-probe-of-logs"
    made = (
        'for day in 1 2 3; do head --bytes 1M /dev/zero > x.log-$day; touch --date "$day days ago" '
        "x.log-$day; done; touch x.log"
    )
    root.check_output(f"mkdir {folder} && cd {folder} && {made}")
    try:
        root.check_output(f"/usr/lib/hubsmith/trim-logs 2500K {folder}")
        assert root.check_output(f"ls {folder}").split() == ["x.log", "x.log-1", "x.log-2"]
    finally:
        root.check_output(f"rm --recursive {folder}")


def test_logs_are_for_administrators_of_the_machine(root: Host) -> None:
    folder = root.file(FOLDER)
    assert (folder.mode, folder.group) == (0o750, "adm")


@pytest.mark.usefixtures("before_reboot")
def test_the_journal_is_bounded(root: Host) -> None:
    assert "SystemMaxUse=" in root.check_output(
        "systemd-analyze cat-config systemd/journald.conf | grep -v '^#'"
    )


@pytest.mark.usefixtures("booted")
def test_systemd_understands_every_line_of_its_configuration(root: Host) -> None:
    """A line that it cannot read is ignored, with no more than a line in the journal."""
    complaints = "Failed to parse|Unknown (key|lvalue|section)|Invalid (section|syntax)|Assignment outside"
    told = root.run("journalctl --boot --no-pager --output=cat --grep=%s", complaints)
    # sudo writes down the command itself
    assert [line for line in told.stdout.splitlines() if "COMMAND=" not in line] == []


@pytest.mark.usefixtures("booted")
class TestRunning:
    def test_hub_and_proxy_have_a_file_each(self, root: Host, hub: Callable[[], HubClient]) -> None:
        hub()  # returns when it is up, and so has said something
        assert "JupyterHub" in root.check_output(f"zcat --force {FOLDER}/jupyterhub.log*")
        assert "Proxying" in root.check_output(f"zcat --force {FOLDER}/proxy.log*")

    def test_users_servers_have_one_with_their_names(
        self, root: Host, notebook: HubClient, hub_user: HubUser
    ) -> None:
        assert f"jupyter-{hub_user.name}-singleuser.service: " in root.check_output(
            f"zcat --force {FOLDER}/servers.log*"
        )

    def test_nobody_writes_in_anothers_name(self, root: Host, kernel: Kernel, hub_user: HubUser) -> None:
        needle = secrets.token_hex(8)
        kernel.run(FORGE.replace("NEEDLE", needle))
        root.run_test(
            f"timeout 60 sh -c 'until [ $(grep --count {needle} {FOLDER}/servers.log) = 3 ]; do sleep 1; "
            "done'"
        )
        lines = root.check_output(f"grep {needle} {FOLDER}/servers.log").splitlines()
        # The user, where the process had ended before the journal looked which unit it was of.
        own = (f"jupyter-{hub_user.name}-singleuser.service: ", f"user {root.user(hub_user.name).uid}: ")
        assert [line for line in lines if not line.partition(" ")[2].startswith(own)] == []
        others = f"{FOLDER}/jupyterhub.log {FOLDER}/proxy.log /var/log/syslog /var/log/user.log"
        assert root.run(f"grep --no-messages {needle} {others}").stdout == ""

    @pytest.mark.usefixtures("thorough")
    def test_who_writes_without_end_is_cut_short(self, root: Host, kernel: Kernel) -> None:
        needle = secrets.token_hex(8)
        kernel.run(
            f"import subprocess; subprocess.run('yes {needle} | head --lines 5000 | logger', shell=True, "
            "check=True)"
        )
        root.run_test("sleep 8")
        assert 0 < int(root.run(f"grep --count {needle} {FOLDER}/servers.log").stdout) < 4500

    def test_they_are_not_in_the_general_log_too(self, root: Host) -> None:
        assert root.run("grep --quiet ' jupyterhub\\(-proxy\\)\\?\\[' /var/log/syslog").rc != 0


# As the hub, as another unit in the general log, and as a second line in a field of the journal's own
# protocol.
FORGE = """
import socket, subprocess
subprocess.run(["logger", "--tag", "jupyterhub", "[I] NEEDLE 200 POST /hub/login"], check=True)
subprocess.run(["logger", "--tag", "sshd", "NEEDLE"], check=True)
text = b"x\\n2026-01-01T00:00:00+00:00 jupyterhub: NEEDLE"
fields = b"SYSLOG_IDENTIFIER=jupyterhub\\n_SYSTEMD_UNIT=jupyterhub.service\\nMESSAGE\\n"
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
    journal.connect("/run/systemd/journal/socket")
    journal.send(fields + len(text).to_bytes(8, "little") + text + b"\\n")
"""


@pytest.fixture
def old_files(root: Host) -> Iterator[None]:
    """Twenty rotated files, of the days before."""
    root.run_test(
        'for day in $(seq 1 20); do stamp=$(date --date "$day days ago" +%Y-%m-%d-%s); echo old | '
        f"gzip > {FOLDER}/proxy.log-$stamp.gz;"
        f' touch --date "$day days ago" {FOLDER}/proxy.log-$stamp.gz; done'
    )
    yield
    root.run_test(
        f"zgrep --files-with-matches --line-regexp old {FOLDER}/proxy.log-* | xargs --no-run-if-empty rm"
    )


@pytest.mark.usefixtures("heavy", "exclusive")
class TestRotation:
    def test_old_ones_are_compressed_and_counted_and_lines_go_on(self, root: Host, old_files: None) -> None:
        """https://github.com/kubernetes/kops/issues/5378"""
        for _ in range(2):
            log_line(root)
            root.run_test("sleep 1.1; logrotate --force /etc/logrotate.d/jupyterhub")
        rotated = root.check_output(f"ls {FOLDER} | grep '^proxy.log-'").splitlines()
        assert len(rotated) == 15
        # delaycompress: the newest is plain
        assert [name for name in rotated if not name.endswith(".gz")] == rotated[-1:]
        assert log_line(root) in root.check_output(f"cat {FOLDER}/proxy.log")
        assert root.file(f"{FOLDER}/proxy.log").mode == 0o640

    def test_what_is_older_than_a_fortnight_goes_however_few_there_are(self, root: Host) -> None:
        root.run_test(
            f"echo old > {FOLDER}/servers.log-2026-01-01-1767225600; touch --date '30 days ago' "
            f"{FOLDER}/servers.log-2026-01-01-1767225600"
        )
        needle = secrets.token_hex(8)
        root.run_test(f"setpriv --reuid 1999 --clear-groups logger {needle}")
        root.run_test(
            f"timeout 120 sh -c 'until grep --quiet {needle} {FOLDER}/servers.log; do sleep 1; done'"
        )
        root.run_test("logrotate --force /etc/logrotate.d/jupyterhub")
        assert "2026-01-01" not in root.check_output(f"ls {FOLDER}")

    @pytest.mark.usefixtures("in_turn")
    def test_a_full_disk_of_logs_does_not_stop_the_hub(
        self, root: Host, notebook: HubClient, hub_user: HubUser
    ) -> None:
        root.run_test(
            f"mount -t tmpfs -o size=64k,mode=0750,gid=adm tmpfs {FOLDER} && systemctl kill --signal HUP "
            "rsyslog.service"
        )
        try:
            root.run_test(
                f"head --bytes 1M /dev/zero > {FOLDER}/filler; "
                f"{AS_THE_PROXY.replace('LINES', '$(echo $(seq 50))')}"
            )
            assert notebook.get("/hub/health").ok
            assert notebook.server_api("GET", "status").ok
            again = HubClient(notebook.url, notebook.context)
            again.wait_until_up()
            again.login(hub_user)
        finally:
            root.run_test(f"umount --lazy {FOLDER} && systemctl kill --signal HUP rsyslog.service")
        assert log_line(root) in root.check_output(f"cat {FOLDER}/proxy.log")


def log_line(root: Host) -> str:
    """Log a line of the proxy that nobody else logs, wait until rsyslog has had time for it; return it."""
    line = secrets.token_hex(8)
    root.run_test(AS_THE_PROXY.replace("LINES", line))
    return line


# The journal goes by the control group that a process is in when it opens its stream.
AS_THE_PROXY = (
    "sh -c 'echo $$ > /sys/fs/cgroup/system.slice/jupyterhub-proxy.service/cgroup.procs;"
    ' exec systemd-cat --identifier=jupyterhub-proxy sh -c "for line in LINES; do echo \\$line; done; '
    "sleep 2\"'"
)
