"""The configuration for the stock ssh client, as ssh itself reads it, and against a server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from build.remote import keys, ssh_config
from build.remote.keys import SshKey
from build.remote.ssh_target import SshTarget
from tests.unit.remote.test_shell import Sshd


@pytest.fixture
def sshd() -> Iterator[Sshd]:
    server = Sshd()
    yield server
    server.close()


def written(target: SshTarget, folder: Path, **options: str) -> Path:
    folder.mkdir(exist_ok=True)
    return ssh_config.write(target, folder, folder / "control", options)


def meant(config: Path) -> dict[str, str]:
    """What ssh takes the configuration for."""
    done = subprocess.run(
        ["ssh", "-G", "-F", str(config), ssh_config.ALIAS], capture_output=True, text=True, check=True
    )
    return dict(line.partition(" ")[::2] for line in done.stdout.splitlines())


def connect(config: Path) -> subprocess.CompletedProcess[str]:
    line = ssh_config.command(config, "echo in", "-o", "BatchMode=yes", "-o", "ControlPath=none")
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)


def test_a_machine_of_a_build_is_known_by_the_keys_that_were_made_for_it(tmp_path: Path) -> None:
    target = SshTarget("192.0.2.7", "admin", SshKey("private", "public"), ("ssh-ed25519 AAAA",))
    config = written(target, tmp_path)
    found = meant(config)
    assert (found["hostname"], found["user"], found["port"]) == ("192.0.2.7", "admin", "22")
    assert (found["stricthostkeychecking"], found["identitiesonly"]) == ("true", "yes")
    assert found["globalknownhostsfile"] == "/dev/null"
    assert Path(found["identityfile"]).read_text() == "private"
    assert Path(found["userknownhostsfile"]).read_text() == "192.0.2.7 ssh-ed25519 AAAA\n"
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_hub_is_known_by_its_name_and_its_operators_key_stays_where_it_is(tmp_path: Path) -> None:
    key = tmp_path / "operator key"
    target = SshTarget("192.0.2.7", "admin", key, ("a 1", "b 2"), name="hub.example.org")
    found = meant(written(target, tmp_path / "session", ConnectTimeout="10", **ssh_config.SHARED))
    assert (found["hostname"], found["hostkeyalias"]) == ("192.0.2.7", "hub.example.org")
    assert found["identityfile"] == str(key)
    assert not key.exists()
    known = Path(found["userknownhostsfile"]).read_text()
    assert known == "hub.example.org a 1\nhub.example.org b 2\n"
    assert (found["connecttimeout"], found["controlmaster"], found["controlpersist"]) == ("10", "auto", "60")


@pytest.mark.parametrize(
    ("port", "known_as"),
    [(None, "hub.example.org"), (22, "hub.example.org"), (2222, "[hub.example.org]:2222")],
)
def test_where_nothing_is_said_the_users_own_configuration_decides(
    tmp_path: Path, port: int | None, known_as: str
) -> None:
    config = written(SshTarget("hub.example.org", port=port), tmp_path)
    assert config.read_text().endswith("Match all\n    Include ~/.ssh/config\n")
    found = meant(config)
    assert (found["hostname"], found["hostkeyalias"]) == ("hub.example.org", known_as)
    assert not {"IdentityFile", "IdentitiesOnly", "User", "UserKnownHostsFile"} & set(
        config.read_text().split()
    )
    assert found["stricthostkeychecking"] == "true"


def test_what_is_said_goes_before_the_users_own_configuration(tmp_path: Path) -> None:
    key, known = tmp_path / "key", tmp_path / "known"
    found = meant(written(SshTarget("192.0.2.7", "ada", key, known, 2222), tmp_path))
    assert (found["user"], found["port"], found["identityfile"]) == ("ada", "2222", str(key))
    assert found["userknownhostsfile"] == str(known)


def test_the_stock_client_gets_in_by_them(sshd: Sshd, tmp_path: Path) -> None:
    assert connect(written(sshd.target(), tmp_path)).stdout == "in\n"


def test_another_host_key_is_refused_by_the_stock_client_too(sshd: Sshd, tmp_path: Path) -> None:
    done = connect(written(sshd.target(host_key=keys.generate()), tmp_path))
    assert done.returncode == 255
    assert "Host key verification failed" in done.stderr
    assert sshd.guest.tried == []
