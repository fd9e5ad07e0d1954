"""Real machines: booted, plugged, forwarded, saved and ended through Machine, seen from inside by ssh.

Most tests share one booted machine and leave it as they found it; the others start from copies of its saved
state.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from build.errors import MachineError
from localcloud.base_image import ensure
from localcloud.machine import emulator
from localcloud.machine.address_pool import AddressPool
from localcloud.machine.imds_server import MetadataServer
from localcloud.machine.layer_store import LayerStore, run_qemu_img
from localcloud.machine.machine import Drive, Machine, MachineSpec
from tests.cloud.guest import BOOT_S, FACTS, Guest, make_keys, until_it_works

pytestmark = pytest.mark.vm

REPO = Path(__file__).parents[2]
ROOT = "vol-0123456789abcdef0"
DATA = "vol-0fedcba9876543210"
GREETING = b"tiny (busybox on a Debian kernel)"  # what getty says on the console once a boot is done


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("machines")


@pytest.fixture(scope="module")
def runtime() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hubsmith-") as path:
        yield Path(path)


@pytest.fixture(scope="module")
def addresses(folder: Path) -> Iterator[AddressPool]:
    pool = AddressPool(folder)
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def layers(folder: Path) -> LayerStore:
    store = LayerStore(folder / "layers")
    store.import_base("snap-base", ensure("tiny", progress=lambda _: None).path)
    store.create_overlay(ROOT, "snap-base", 2)
    return store


@pytest.fixture(scope="module", autouse=True)
def qemu() -> None:
    """A server of the local cloud has it fetched before it starts."""
    emulator.ensure(print)


@pytest.fixture(scope="module")
def guest(folder: Path, runtime: Path, addresses: AddressPool, layers: LayerStore) -> Iterator[Guest]:
    """The machine the tests share: booted through its own boot loader, saved as "booted"."""
    machine = Machine(folder / FACTS.instance_id, runtime)
    spec = MachineSpec(FACTS.instance_id, 2, 512, FACTS.mac, (Drive(ROOT, layers.path(ROOT), boot=True),))
    booted = Guest(machine, spec, addresses.allocate(), make_keys())
    server = MetadataServer(machine.metadata_socket, lambda: booted.keys.metadata)
    server.start()
    try:
        machine.start(spec)
        machine.forward(booted.address, 22, 22)
        booted.run("true")
        machine.save("booted")
        yield booted
    finally:
        machine.quit()
        server.stop()


Copy = Callable[[], Guest]


@pytest.fixture
def copied(
    guest: Guest, folder: Path, runtime: Path, layers: LayerStore, addresses: AddressPool
) -> Iterator[Copy]:
    """Makes machines that go on from the shared one's saved state, with their own disk and address."""
    made: list[Guest] = []

    def copy() -> Guest:
        number = len(list(folder.glob("i-copy-*")))
        machine = Machine(folder / f"i-copy-{number}", runtime)
        machine.folder.mkdir()
        shutil.copy(guest.machine.files.uefi_variables, machine.files.uefi_variables)
        shutil.copy(layers.path(ROOT), layers.path(f"copy-{number}"))
        spec = replace(guest.spec, drives=(Drive(ROOT, layers.path(f"copy-{number}"), boot=True),))
        machine.start(spec, saved="booted")
        made.append(Guest(machine, spec, addresses.allocate(), guest.keys))
        machine.forward(made[-1].address, 22, 22)
        return made[-1]

    yield copy
    for one in made:
        one.machine.quit()


def test_it_boots_and_its_keys_came_through_the_metadata_service(guest: Guest) -> None:
    # Guest.run accepts the host key made for this test only, and logs in with the key of the user data.
    assert guest.run("uname -s") == "Linux"
    assert guest.run("cat /sys/class/dmi/id/sys_vendor") == "Amazon EC2"
    assert guest.run("cat /sys/class/dmi/id/product_uuid").lower().startswith("ec2")
    assert guest.run("cat /sys/class/dmi/id/board_asset_tag") == FACTS.instance_id


def test_its_programs_are_at_random_addresses(guest: Guest) -> None:
    assert guest.run("cat /proc/sys/kernel/randomize_va_space") == "2"


def test_it_has_the_processors_the_time_and_the_disk_it_was_given(guest: Guest) -> None:
    assert guest.run("cat /sys/devices/system/cpu/online") == "0-1"
    assert abs(int(guest.run("date +%s")) - time.time()) < 10
    assert guest.serials() == {"vol0123456789abcdef0"}
    assert guest.run("cat /sys/block/vda/size") == str(2 * 1024 * 1024 * 2)


def test_any_process_finds_the_machine_again(guest: Guest) -> None:
    other = Machine(guest.machine.folder, guest.machine.runtime)
    assert other.is_running()
    assert other.forwards() == {(guest.address, 22, 22)}
    with pytest.raises(MachineError, match="running already"):
        other.start(guest.spec)


def test_forwards_come_and_go_while_it_runs(guest: Guest) -> None:
    guest.machine.forward(guest.address, 2200, 22)
    assert guest.run("echo here", port=2200) == "here"
    assert guest.machine.forwards() == {(guest.address, 22, 22), (guest.address, 2200, 22)}
    guest.machine.unforward(guest.address, 2200, 22)
    with pytest.raises(OSError):
        guest.run("echo here", port=2200, timeout_s=0)
    assert guest.machine.forwards() == {(guest.address, 22, 22)}
    with pytest.raises(MachineError, match="not found"):
        guest.machine.unforward(guest.address, 2200, 22)


def test_a_taken_port_is_noticed(guest: Guest) -> None:
    with pytest.raises(MachineError, match="Address already in use") as caught:
        guest.machine.forward(guest.address, 22, 22)
    assert "ss -ltnp" in str(caught.value.hint)


def test_a_volume_is_plugged_in_found_by_its_serial_and_unplugged(guest: Guest, layers: LayerStore) -> None:
    layers.create_blank(DATA, 1)
    drive = Drive(DATA, layers.path(DATA))
    guest.machine.attach(drive)
    until_it_works(lambda: "vol0fedcba9876543210" in guest.serials(), 20)
    guest.machine.attach(drive)  # whoever was interrupted asks again
    guest.machine.detach(DATA)
    assert guest.serials() == {"vol0123456789abcdef0"}
    guest.machine.detach(DATA)
    guest.machine.attach(drive)
    until_it_works(lambda: "vol0fedcba9876543210" in guest.serials(), 20)
    guest.machine.detach(DATA)


def test_a_boot_that_has_only_begun_begins_again_with_a_volume(
    guest: Guest, folder: Path, runtime: Path, layers: LayerStore, addresses: AddressPool
) -> None:
    machine, early_data = Machine(folder / "i-early", runtime), "vol-0ea51ea51ea51ea51"
    layers.create_overlay("vol-early", "snap-base", 2)
    layers.create_blank(early_data, 1)
    spec = replace(guest.spec, drives=(Drive("vol-early", layers.path("vol-early"), boot=True),))
    server = MetadataServer(machine.metadata_socket, lambda: guest.keys.metadata)
    server.start()
    try:
        machine.start(spec)
        early = Guest(machine, spec, addresses.allocate(), guest.keys)
        machine.forward(early.address, 22, 22)
        assert machine.begin_again_with(Drive(early_data, layers.path(early_data)))
        assert early.serials() == {"volearly", early_data.replace("-", "")}
        early.run("touch /root/written && sync")
        other = Drive("vol-later", layers.path("vol-later"))
        layers.create_blank("vol-later", 1)
        assert not machine.begin_again_with(other)
        assert not machine.end_before_its_boot()
        assert early.serials() == {"volearly", early_data.replace("-", "")}
    finally:
        machine.quit()
        server.stop()
        for name in ("vol-early", early_data, "vol-later"):
            layers.path(name).unlink(missing_ok=True)


@pytest.fixture
def begun(guest: Guest, folder: Path, runtime: Path, layers: LayerStore) -> Iterator[Machine]:
    """A machine that was started this moment."""
    machine = Machine(folder / "i-begun", runtime)
    layers.create_overlay("vol-begun", "snap-base", 2)
    drive = Drive("vol-begun", layers.path("vol-begun"), boot=True)
    machine.start(replace(guest.spec, drives=(drive,)))
    yield machine
    machine.quit()
    drive.path.unlink()


def test_a_boot_that_has_only_begun_is_ended_at_once(begun: Machine) -> None:
    assert begun.end_before_its_boot()
    assert not begun.is_running()
    assert not begun.end_before_its_boot()


def test_a_machine_that_a_fault_has_paused_stays_paused(begun: Machine) -> None:
    begun.pause()
    assert not begun.end_before_its_boot()
    assert begun.status() == "paused"


def test_after_a_live_switch_the_guest_writes_into_the_overlay_only(copied: Copy, layers: LayerStore) -> None:
    writer = copied()
    parent = writer.spec.drives[0].path.stem
    writer.run("echo before | dd of=/dev/vda bs=512 seek=4000000 conv=fsync,notrunc")
    before = layers.path(parent).stat().st_mtime_ns, layers.actual_size(parent)
    # an image of a machine that has been imaged before; 1024 sectors on is another cluster
    for number in (1, 2):
        overlay = f"{parent}-{number}"
        layers.create_overlay(overlay, parent if number == 1 else f"{parent}-1", 2)
        for _ in range(2):  # a server killed before it noted the switch asks again
            writer.machine.switch_to_overlay(ROOT, layers.path(overlay))
        writer.run(
            f"echo after-{number} | dd of=/dev/vda bs=512 seek={4000000 + 1024 * number} conv=fsync,notrunc"
        )
    assert (layers.path(parent).stat().st_mtime_ns, layers.actual_size(parent)) == before
    assert (
        writer.run("dd if=/dev/vda bs=512 skip=4000000 count=3000 | tr -d '\\0'")
        == "before\nafter-1\nafter-2"
    )
    layers.delete_unreferenced({f"{parent}-2", ROOT, "snap-base"})
    held = [
        [_holds(layers.path(f"{parent}{layer}"), text) for text in ("before", "after-1", "after-2")]
        for layer in ("", "-1", "-2")
    ]
    assert held == [[True, False, False], [False, True, False], [False, False, True]]


def _holds(layer: Path, text: str) -> bool:
    return text.encode() in layer.read_bytes()


def test_what_the_guest_has_synced_survives_kill_9(copied: Copy) -> None:
    victim = copied()
    victim.run("echo kept-for-ever | dd of=/dev/vda bs=512 seek=4000000 conv=fsync,notrunc")
    os.kill(int(victim.machine.files.pid.read_text()), signal.SIGKILL)
    assert victim.machine.wait_ended(5)
    assert not victim.machine.is_running()
    victim.machine.quit()
    assert _holds(victim.spec.drives[0].path, "kept-for-ever")


def test_a_state_that_another_qemu_has_saved_is_discarded_and_the_machine_boots(
    copied: Copy, caplog: pytest.LogCaptureFixture
) -> None:
    other = copied()
    other.run("echo kept > /root/probe && sync")
    other.machine.quit()
    disk = other.spec.drives[0].path
    (stored,) = [
        state["name"] for state in json.loads(run_qemu_img("info", "--output=json", disk))["snapshots"]
    ]
    run_qemu_img("snapshot", "-c", "booted@q35-7.2.22", disk)
    run_qemu_img("snapshot", "-d", stored, disk)
    other.machine.start(other.spec, saved="booted")
    other.machine.forward(other.address, 22, 22)
    assert other.run("cat /root/probe") == "kept"
    assert GREETING in other.machine.console()
    assert "booted@q35-7.2.22 was saved by another QEMU" in caplog.text
    assert "snapshots" not in json.loads(run_qemu_img("info", "-U", "--output=json", disk))


def test_two_machines_listen_on_the_same_port_of_two_addresses(guest: Guest, copied: Copy) -> None:
    other = copied()
    assert other.address != guest.address
    other.run("echo other > /tmp/who")
    guest.run("echo first > /tmp/who")
    assert (guest.run("cat /tmp/who"), other.run("cat /tmp/who")) == ("first", "other")


def test_a_restored_machine_answers_in_seconds_and_its_clock_can_be_set_right(copied: Copy) -> None:
    before = time.monotonic()
    restored = copied()
    saved_at = int(restored.run("date +%s"))
    assert time.monotonic() - before < 20
    assert saved_at <= time.time()
    restored.run(f"date -u -s @{int(time.time())}")
    assert abs(int(restored.run("date +%s")) - time.time()) < 5


def test_the_power_button_ends_it_within_seconds(copied: Copy) -> None:
    machine = copied().machine
    assert not machine.wait_ended(0.2)
    machine.powerdown()
    assert machine.wait_ended(30)
    assert not machine.is_running()
    assert not machine.files.pid.exists()


def test_the_console_has_the_greetings_of_both_boots(copied: Copy) -> None:
    restarted = copied()
    machine = restarted.machine
    assert machine.console().count(GREETING) == 0  # it goes on from a saved state
    machine.reset()
    until_it_works(lambda: machine.console().count(GREETING) == 1, BOOT_S)
    machine.quit()
    machine.start(restarted.spec)
    until_it_works(lambda: machine.console().count(GREETING) == 2, BOOT_S)


def test_a_machine_outlives_the_process_that_started_it(
    guest: Guest, folder: Path, runtime: Path, layers: LayerStore
) -> None:
    layers.create_overlay("vol-orphan", "snap-base", 2)
    program = (
        "import os, signal, sys, pathlib; from localcloud.machine.machine import *; a = sys.argv; "
        "Machine(pathlib.Path(a[1]), pathlib.Path(a[2])).start(MachineSpec('i-orphan', 1, 256, "
        "'02:00:00:00:00:09', "
        "(Drive('vol-orphan', pathlib.Path(a[3]), True),))); os.killpg(0, signal.SIGKILL)"
    )
    places = map(str, (folder / "i-orphan", runtime, layers.path("vol-orphan")))
    command = [sys.executable, "-c", program, *places]
    done = subprocess.run(command, cwd=REPO, start_new_session=True, check=False)
    machine = Machine(folder / "i-orphan", runtime)
    try:
        assert done.returncode == -signal.SIGKILL
        said = len(machine.console())
        assert machine.is_running()
        until_it_works(lambda: len(machine.console()) > said, BOOT_S)
    finally:
        machine.quit()
    assert not machine.is_running()


def test_without_a_metadata_server_the_guest_is_refused_at_once(copied: Copy) -> None:
    lonely = copied()  # its socket has a name of its own, and nobody listens there
    before = time.monotonic()
    assert "GOT" not in lonely.run(
        "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc 169.254.169.254 80 | sed 's/^/GOT /'"
    )
    assert time.monotonic() - before < 10


def test_a_running_machine_goes_back_to_what_was_saved(copied: Copy) -> None:
    one = copied()
    one.run("echo before > /root/probe")
    one.machine.save("probe")
    one.run("echo after > /root/probe")
    one.machine.restore("probe")
    assert until_it_works(lambda: one.run("cat /root/probe"), 60) == "before"
    with pytest.raises(MachineError, match="never-saved"):
        one.machine.restore("never-saved")


def test_qemus_own_words_come_back(guest: Guest, folder: Path, runtime: Path, layers: LayerStore) -> None:
    with pytest.raises(MachineError, match='Failed to get "write" lock'):
        Machine(folder / "i-second", runtime).start(guest.spec)
    with pytest.raises(MachineError, match="No such file or directory"):
        Machine(folder / "i-second", runtime).start(
            replace(guest.spec, drives=(Drive(DATA, folder / "missing.qcow2"),))
        )
    layers.create_overlay("vol-unsaved", "snap-base", 2)
    unsaved = replace(guest.spec, drives=(Drive(DATA, layers.path("vol-unsaved")),))
    with pytest.raises(MachineError, match="never-saved"):
        Machine(folder / "i-second", runtime).start(unsaved, saved="never-saved")


def test_nvme_works_and_cannot_be_saved(
    folder: Path, runtime: Path, layers: LayerStore, addresses: AddressPool
) -> None:
    layers.create_overlay("vol-nvme", "snap-base", 2)
    layers.create_blank("vol-0aaaaaaaaaaaaaaaa", 1)
    machine = Machine(folder / "i-nvme", runtime)
    spec = MachineSpec(
        "i-nvme",
        2,
        512,
        FACTS.mac,
        (Drive("vol-nvme", layers.path("vol-nvme"), boot=True),),
        controller="nvme",
    )
    nvme = Guest(machine, spec, addresses.allocate(), make_keys())
    server = MetadataServer(machine.metadata_socket, lambda: nvme.keys.metadata)
    server.start()
    try:
        machine.start(spec)
        machine.forward(nvme.address, 22, 22)
        assert nvme.serials() == {"volnvme"}
        assert not machine.end_before_its_boot()
        machine.attach(Drive("vol-0aaaaaaaaaaaaaaaa", layers.path("vol-0aaaaaaaaaaaaaaaa")), "nvme")
        until_it_works(lambda: "vol0aaaaaaaaaaaaaaaa" in nvme.serials(), 20)
        machine.detach("vol-0aaaaaaaaaaaaaaaa")
        with pytest.raises(MachineError, match="non-migratable"):
            machine.save("booted")
    finally:
        machine.quit()
        server.stop()
