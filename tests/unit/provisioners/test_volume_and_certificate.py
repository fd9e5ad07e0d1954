"""What a boot decides first: may this disk be formatted, is it time to ask for a certificate again?"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def volume(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("boot.volume")


@pytest.fixture(scope="module")
def attempts(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("hubsmith_certificate.attempts")


@given(
    st.lists(
        st.sampled_from(["ext4", "xfs", "dos", "gpt", "LVM2_member", "crypto_LUKS", "swap"]),
        max_size=2,
        unique=True,
    ),
    st.sampled_from([None, "hubsmith-data", "other"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_a_disk_is_formatted_only_if_nothing_is_on_it(
    volume: ModuleType, signatures: list[str], label: str | None, partitions: bool, zeros: bool, marked: bool
) -> None:
    disk = volume.Disk(tuple(signatures), label, partitions, zeros, marked)
    if volume.is_blank(disk):
        assert not signatures
        assert not partitions
        assert zeros or marked
    elif volume.complaint(disk) is None:
        assert (signatures, label, partitions) == (["ext4"], "hubsmith-data", False)


class TestRealFiles:
    """wipefs, mkfs and e2fsck on files in the place of disks."""

    @pytest.fixture
    def disk(self, volume: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        # root has it, and ordinary users of Debian do not
        monkeypatch.setenv("PATH", f"{os.environ['PATH']}:/usr/sbin:/sbin")
        run = volume._run
        listed = '{"blockdevices": [{"name": "x"}]}'
        monkeypatch.setattr(
            volume, "_run", lambda *command: listed if command[0] == "lsblk" else run(*command)
        )
        path = tmp_path / "disk"
        with path.open("wb") as stream:
            stream.truncate(64 * 2**20)
        return path

    def test_a_blank_one_becomes_the_data_volume_and_stays_it(self, volume: ModuleType, disk: Path) -> None:
        assert volume.is_blank(volume._look(str(disk)))
        volume._prepare(str(disk), "vol-1")
        made = volume._look(str(disk))
        assert (made.signatures, made.label, volume.complaint(made)) == (("ext4",), "hubsmith-data", None)
        before = subprocess.run(
            ["dumpe2fs", "-h", str(disk)], capture_output=True, text=True, check=True
        ).stdout
        volume._prepare(str(disk), "vol-1")
        after = subprocess.run(
            ["dumpe2fs", "-h", str(disk)], capture_output=True, text=True, check=True
        ).stdout
        uuid = [line for line in before.splitlines() if "UUID" in line]
        assert uuid == [line for line in after.splitlines() if "UUID" in line]

    def test_formatting_that_was_cut_off_is_done_again(self, volume: ModuleType, disk: Path) -> None:
        with disk.open("r+b") as stream:
            stream.write(volume._MARK)
            stream.seek(2**19)
            stream.write(b"half a file system")
        volume._prepare(str(disk), "vol-1")
        assert volume.complaint(volume._look(str(disk))) is None

    @pytest.mark.parametrize(
        ("make", "words"),
        [
            (
                ["mkfs.ext4", "-q", "-F", "-L", "photos"],
                "its file system is called photos, not hubsmith-data",
            ),
            (["mkfs.ext4", "-q", "-F"], "its file system is called nothing, not hubsmith-data"),
            (["mkswap"], "it holds swap"),
            (
                ["sh", "-c", 'echo precious | dd of="$0" bs=1 seek=9000 conv=notrunc'],
                "it has no file system, and is not blank either",
            ),
            (["sh", "-c", 'echo "label: gpt" | sfdisk --quiet "$0"'], "it has partitions"),
        ],
        ids=["another's", "unnamed", "swap", "unknown", "partitions"],
    )
    def test_anything_else_is_left_as_it_is(
        self, volume: ModuleType, disk: Path, make: list[str], words: str
    ) -> None:
        subprocess.run([*make, str(disk)], check=True, capture_output=True)
        before = disk.read_bytes()
        with pytest.raises(volume.VolumeError, match=f"vol-1 .* is not a hub's: {words}"):
            volume._prepare(str(disk), "vol-1")
        assert disk.read_bytes() == before


@given(st.lists(st.floats(0, 1e6), max_size=12), st.floats(0, 2e6))
def test_the_acme_server_is_never_asked_too_often(
    attempts: ModuleType, moments: list[float], now: float
) -> None:
    earlier = sorted(moments)
    pause = attempts.pause_s(earlier, now)
    assert 0 <= pause <= attempts.LONGEST_PAUSE_S
    if earlier and now >= earlier[-1] and pause == 0:
        assert now - earlier[-1] >= attempts.FIRST_PAUSE_S
    if sum(0 <= now - moment < 3600 for moment in earlier) >= 4:
        assert not attempts.may_try(earlier, now)


def test_pauses_grow(attempts: ModuleType) -> None:
    assert [attempts.pause_s([0.0] * count, 0) / 60 for count in (0, 1, 2, 3, 9)] == [0, 20, 40, 80, 360]


def test_failures_are_kept_and_forgotten(attempts: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "failures.json"
    attempts.succeeded(path)
    attempts.failed(path)
    attempts.failed(path)
    assert len(attempts.failures(path)) == 2
    path.write_text("{broken")
    assert attempts.failures(path) == []
    attempts.succeeded(path)
    assert not path.exists()


class TestCertificates:
    @pytest.fixture
    def acme(
        self, program: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> ModuleType:
        module = program("hubsmith_certificate.acme")
        monkeypatch.setattr(module, "FOLDER", tmp_path)
        return module

    @pytest.fixture
    def launched(self, program: Callable[[str], ModuleType]) -> Any:
        return program("hubsmith_machine.launch").Launch(
            domain="hub.example.test", acme_directory="https://localhost:14000/dir"
        )

    def make(
        self,
        folder: Path,
        name: str = "hub.example.test",
        days: int = 30,
        more: str = "",
        server: str = "https://localhost:14000/dir",
    ) -> None:
        live = folder / "live" / "hub.example.test"
        live.mkdir(parents=True)
        (folder / "renewal").mkdir()
        (folder / "renewal" / "hub.example.test.conf").write_text(f"[renewalparams]\nserver = {server}\n")
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-noenc",
            "-days",
            str(days),
        ]
        command += ["-subj", "/CN=x", "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1{more}"]
        subprocess.run(
            [*command, "-keyout", live / "privkey.pem", "-out", live / "fullchain.pem"],
            check=True,
            capture_output=True,
        )

    def test_what_is_kept_is_served(self, acme: ModuleType, launched: Any, tmp_path: Path) -> None:
        self.make(tmp_path)
        found = acme.usable(launched)
        assert found.names == ("hub.example.test", "127.0.0.1")
        assert 28 <= found.days_left <= 30
        assert (found.not_after - found.not_before).days == 30
        assert 0.99 < found.share_left <= 1
        assert int(found.serial, 16) > 0

    def test_another_names_is_not(self, acme: ModuleType, launched: Any, tmp_path: Path) -> None:
        self.make(tmp_path, name="other.example.test")
        assert acme.usable(launched) is None

    def test_one_without_its_key_is_not(self, acme: ModuleType, launched: Any, tmp_path: Path) -> None:
        self.make(tmp_path)
        subprocess.run(
            [
                "openssl",
                "genpkey",
                "-algorithm",
                "ed25519",
                "-out",
                tmp_path / "live/hub.example.test/privkey.pem",
            ],
            check=True,
        )
        assert acme.usable(launched) is None

    def test_a_broken_one_is_not(self, acme: ModuleType, launched: Any, tmp_path: Path) -> None:
        self.make(tmp_path)
        (tmp_path / "live/hub.example.test/fullchain.pem").write_text("cut off")
        assert acme.usable(launched) is None

    def test_a_rehearsals_is_not_kept_for_the_real_thing(
        self, acme: ModuleType, launched: Any, tmp_path: Path
    ) -> None:
        self.make(tmp_path, server="https://acme-staging-v02.api.letsencrypt.org/directory")
        assert acme.usable(replace(launched, acme_directory=None)) is None

    def test_the_real_one_does_for_a_rehearsal(self, acme: ModuleType, launched: Any, tmp_path: Path) -> None:
        self.make(tmp_path, server=acme.LETS_ENCRYPT)
        assert acme.usable(
            replace(launched, acme_directory="https://acme-staging-v02.api.letsencrypt.org/directory")
        )

    def test_with_subdomains_it_has_to_be_for_users_hosts_too(
        self, acme: ModuleType, launched: Any, tmp_path: Path
    ) -> None:
        self.make(tmp_path)
        assert acme.usable(replace(launched, subdomains=True)) is None
        assert acme.for_the_hub_alone(replace(launched, subdomains=True))

    def test_one_for_users_hosts_does_without_them(
        self, acme: ModuleType, launched: Any, tmp_path: Path
    ) -> None:
        self.make(tmp_path, more=",DNS:*.hub.example.test")
        assert acme.usable(launched)
        assert acme.usable(replace(launched, subdomains=True)).names == (
            "hub.example.test",
            "127.0.0.1",
            "*.hub.example.test",
        )

    def test_certbot_is_asked_for_every_name_under_one(
        self, acme: ModuleType, launched: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked, said = tmp_path / "asked", tmp_path / "certbot"
        said.write_text(f'#!/bin/sh\necho "$@" > {asked}\n')
        said.chmod(0o755)
        monkeypatch.setattr(acme, "_CERTBOT", str(said))
        for subdomains, names in (
            (False, "--domain hub.example.test"),
            (True, "--domain hub.example.test --domain *.hub.example.test"),
        ):
            acme.get(replace(launched, email="you@your-university.edu", subdomains=subdomains), 10)
            assert (
                f" --cert-name hub.example.test --max-log-backups 20 {names} --renew-with-new-domains "
                in asked.read_text()
            )

    @pytest.fixture
    def boot(
        self,
        program: Callable[[str], ModuleType],
        acme: ModuleType,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> ModuleType:
        """The boot's part; the proxy's files are in a folder, ACME gives nothing, systemd is not asked."""
        module, ensure = program("boot.certificate"), program("hubsmith_certificate.ensure")
        served = tmp_path / "served"
        monkeypatch.setattr(program("hubsmith_certificate.pem"), "SERVED", served)
        monkeypatch.setattr(module, "CERTIFICATE", served / "fullchain.pem")
        monkeypatch.setattr(module, "KEY", served / "privkey.pem")
        monkeypatch.setattr(module, "RETRY", "no-such-unit-of-hubsmith.timer")
        monkeypatch.setattr(module, "_names_in_ec2", list)
        monkeypatch.setattr(module.os if hasattr(module, "os") else os, "chown", lambda *_: None)
        monkeypatch.setattr(ensure, "_attempt", lambda *_: "it refuses")
        monkeypatch.setattr(ensure, "deploy", lambda _: None)
        return module

    def test_a_self_signed_one_is_for_users_hosts_too(self, boot: ModuleType, launched: Any) -> None:
        for one, names in (
            (launched, ["hub.example.test"]),
            (replace(launched, subdomains=True), ["hub.example.test", "*.hub.example.test"]),
        ):
            assert boot.certificate(one) == ("self-signed", "it refuses")
            assert list(boot.pem.read(boot.CERTIFICATE.read_text()).names[: len(names)]) == names

    def test_where_subdomains_are_new_and_no_certificate_is_to_be_had_the_hubs_own_stays(
        self, boot: ModuleType, launched: Any, tmp_path: Path
    ) -> None:
        self.make(tmp_path)
        assert boot.certificate(replace(launched, subdomains=True)) == ("acme", "it refuses")
        assert not boot.CERTIFICATE.exists()  # no self-signed one in its place


def test_the_proxy_looks_at_hosts_on_a_hub_with_subdomains(
    program: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options, launch = program("boot.proxy_options"), program("hubsmith_machine.launch").Launch
    monkeypatch.setattr(options, "OPTIONS", tmp_path / "run" / "proxy.env")
    options.proxy_options(launch(domain="hub.example.test", subdomains=True))
    assert options.OPTIONS.read_text() == "HOST_ROUTING=--host-routing\n"
    options.proxy_options(launch(domain="hub.example.test"))
    assert not options.OPTIONS.exists()
    options.proxy_options(launch())


def test_the_wait_for_a_certificate_outlasts_route_53_and_fits_into_the_boot() -> None:
    files = Path(__file__).parents[3] / "provisioners/boot/files/usr/lib"
    limit = re.search(
        r"^LIMIT_S = (\d+)$", (files / "hubsmith/boot/certificate.py").read_text(), re.MULTILINE
    )
    unit = re.search(
        r"^TimeoutStartSec=(\d+)min$",
        (files / "systemd/system/hubsmith-boot.service").read_text(),
        re.MULTILINE,
    )
    assert limit
    assert unit
    # a record takes Route 53 up to a minute, there and back, and the volume is waited for before
    assert 2 * 60 < int(limit[1]) < int(unit[1]) * 60 - 10 * 60
