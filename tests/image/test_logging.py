"""Where the logs end up, that they stay within bounds, and that a full disk of them stops nobody."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator

import pytest
from hub_client import HubClient, Person
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
    complaints = [line for line in (told.stdout + told.stderr).splitlines() if "error" in line or "overrid" in line or "insecure" in line]
    assert (told.rc, complaints) == (0, [])


@pytest.mark.usefixtures("before_reboot")
def test_they_are_rotated_daily_or_when_they_are_large(root: Host) -> None:
    told = root.run("logrotate --debug /etc/logrotate.d/jupyterhub")
    assert re.search(rf"rotating pattern: {FOLDER}/\*\.log +after 1 days ", told.stdout + told.stderr)
    assert re.search(r"log files >= \d+ are rotated earlier", told.stdout + told.stderr)


def test_logs_are_for_administrators_of_the_machine(root: Host) -> None:
    folder = root.file(FOLDER)
    assert (folder.mode, folder.group) == (0o750, "adm")


@pytest.mark.usefixtures("before_reboot")
def test_the_journal_is_bounded(root: Host) -> None:
    assert "SystemMaxUse=" in root.check_output("systemd-analyze cat-config systemd/journald.conf | grep -v '^#'")


@pytest.mark.usefixtures("booted")
class TestRunning:
    def test_hub_and_proxy_have_a_file_each(self, root: Host, hub: Callable[[], HubClient]) -> None:
        hub()  # returns when it is up, and so has said something
        assert "JupyterHub" in root.check_output(f"zcat --force {FOLDER}/jupyterhub.log*")
        assert "Proxying" in root.check_output(f"zcat --force {FOLDER}/proxy.log*")

    def test_users_servers_have_one_with_their_names(self, root: Host, notebook: HubClient, person: Person) -> None:
        assert f"jupyter-{person.name}-singleuser: " in root.check_output(f"zcat --force {FOLDER}/servers.log*")

    def test_they_are_not_in_the_general_log_too(self, root: Host) -> None:
        assert root.run("grep --quiet ' jupyterhub\\(-proxy\\)\\?\\[' /var/log/syslog").rc != 0


@pytest.fixture
def old_files(root: Host) -> Iterator[None]:
    """Twenty rotated files, of the days before."""
    root.run_test(
        f'for day in $(seq 1 20); do stamp=$(date --date "$day days ago" +%Y-%m-%d-%s); echo old | gzip > {FOLDER}/proxy.log-$stamp.gz;'
        f' touch --date "$day days ago" {FOLDER}/proxy.log-$stamp.gz; done'
    )
    yield
    root.run_test(f"zgrep --files-with-matches --line-regexp old {FOLDER}/proxy.log-* | xargs --no-run-if-empty rm")


@pytest.mark.usefixtures("heavy", "alone")
class TestRotation:
    def test_old_ones_are_compressed_and_counted_and_lines_go_on(self, root: Host, old_files: None) -> None:
        for _ in range(2):
            root.run_test(f"logger --tag jupyterhub-proxy {log_line(root)}; sleep 1.1; logrotate --force /etc/logrotate.d/jupyterhub")
        rotated = root.check_output(f"ls {FOLDER} | grep '^proxy.log-'").splitlines()
        assert len(rotated) == 15
        assert [name for name in rotated if not name.endswith(".gz")] == rotated[-1:]  # delaycompress: the newest is plain
        assert log_line(root) in root.check_output(f"cat {FOLDER}/proxy.log")
        assert root.file(f"{FOLDER}/proxy.log").mode == 0o640

    def test_what_is_older_than_a_fortnight_goes_however_few_there_are(self, root: Host) -> None:
        root.run_test(
            f"echo old > {FOLDER}/servers.log-2026-01-01-1767225600; touch --date '30 days ago' {FOLDER}/servers.log-2026-01-01-1767225600"
        )
        root.run_test("logger --tag jupyter-nobody old; sleep 1; logrotate --force /etc/logrotate.d/jupyterhub")
        assert "2026-01-01" not in root.check_output(f"ls {FOLDER}")

    def test_a_full_disk_of_logs_does_not_stop_the_hub(self, root: Host, notebook: HubClient, person: Person) -> None:
        root.run_test(f"mount -t tmpfs -o size=64k,mode=0750,gid=adm tmpfs {FOLDER} && systemctl kill --signal HUP rsyslog.service")
        try:
            root.run_test(f"head --bytes 1M /dev/zero > {FOLDER}/filler; for i in $(seq 50); do logger --tag jupyterhub full $i; done")
            assert notebook.get("/hub/health").ok
            assert notebook.server_api("GET", "status").ok
            again = HubClient(notebook.url, notebook.context)
            again.wait_until_up()
            again.login(person)
        finally:
            root.run_test(f"umount --lazy {FOLDER} && systemctl kill --signal HUP rsyslog.service")
        assert log_line(root) in root.check_output(f"cat {FOLDER}/proxy.log")


def log_line(root: Host) -> str:
    """Log a line of the proxy that nobody else logs, wait until rsyslog has had time for it; return it."""
    line = secrets.token_hex(8)
    root.run_test(f"logger --tag jupyterhub-proxy {line}; sleep 2")
    return line
