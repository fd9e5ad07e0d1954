"""One instance as a QEMU machine: a pid and a QMP socket on disk, not a child of the server."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from build.errors import MachineError
from localcloud.machine.address_pool import why_not_listen
from localcloud.machine.kvm_probe import accelerator
from localcloud.machine.layer_store import GIB, run_qemu_img
from localcloud.machine.qemu import drives, emulation, process, program, saved_states
from localcloud.machine.qemu.command_line import MachineFiles, Tools, command_line
from localcloud.machine.qemu.firmware import find_firmware
from localcloud.machine.qemu.qmp import Monitor
from localcloud.machine.qemu.spec import Controller, Drive, MachineSpec

__all__ = ["Drive", "Machine", "MachineSpec"]

SAVE_TIMEOUT_S = 300.0
_QUIT_TIMEOUT_S = 10.0
_log = logging.getLogger("hubsmith.localcloud.machine")
_FORWARD = re.compile(r"TCP\[HOST_FORWARD\]\s+\d+\s+([\d.]+)\s+(\d+)\s+[\d.]+\s+(\d+)")


class Machine:
    """The QEMU process of one instance; every fact is on disk or in QEMU itself, so any process may ask."""

    def __init__(self, folder: Path, runtime: Path) -> None:
        self.folder = folder.absolute()
        self.runtime = runtime.absolute()

    @property
    def metadata_socket(self) -> Path:
        """Where this machine expects its MetadataServer."""
        return self.runtime / f"{self.folder.name}.imds"

    @property
    def files(self) -> MachineFiles:
        """Every file this machine has a hand in."""
        return MachineFiles(
            pid=self.folder / "pid",
            log=self.folder / "qemu.log",
            console=self.folder / "console.log",
            uefi_variables=self.folder / "uefi-vars.qcow2",
            monitor=self.runtime / f"{self.folder.name}.qmp",
            metadata=self.metadata_socket,
        )

    def start(self, spec: MachineSpec, *, saved: str | None = None) -> None:
        """Start the machine, from the saved state of that tag if one is named.

        A state that another version of QEMU saved is discarded with a warning, and the machine boots.
        Raises MachineError with QEMU's own words, also when it is running already.
        """
        if self.is_running():
            raise MachineError(f"{spec.instance_id} is running already")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
        runs_by = accelerator()
        tools = Tools(program.chosen(runs_by), runs_by, find_firmware(), _find_socat())
        if not self.files.uefi_variables.exists():
            # qcow2, because a machine with a writable raw disk cannot be saved.
            run_qemu_img("convert", "-O", "qcow2", tools.firmware.variables, self.files.uefi_variables)
        state = self._usable(saved, spec, tools.program.release) if saved else None
        emulated = emulation.ENVIRONMENT if runs_by == "tcg" else {}
        environment = {**emulated, **tools.program.environment}
        process.start(command_line(spec, self.files, tools, state), self.files.log, environment)

    def _usable(self, tag: str, spec: MachineSpec, release: str) -> str | None:
        """The stored name of a saved state; None where there are only such as this QEMU cannot go on from."""
        if misfits := saved_states.discard_misfits(spec.drives, tag, release):
            _log.warning(
                "%s boots: %s was saved by another QEMU than %s and is discarded",
                spec.instance_id,
                ", ".join(misfits),
                release,
            )
            return None
        return saved_states.stored_name(tag, release)

    def is_running(self) -> bool:
        """Is the process there, and is it really ours?"""
        return self.pid is not None

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        return process.pid_of(self.files.pid)

    def powerdown(self) -> None:
        """Press the ACPI power button; the guest decides (use wait_ended)."""
        self._monitor.execute("system_powerdown")

    def reset(self) -> None:
        """Hard reset."""
        self._monitor.execute("system_reset")

    def pause(self) -> None:
        """Freeze the guest: no instruction of it is carried out until `go_on`."""
        self._monitor.execute("stop")

    def go_on(self) -> None:
        """Let a paused guest go on, whatever paused it; what it could not write is tried again."""
        self._monitor.execute("cont")

    def begin_again_with(self, drive: Drive, controller: Controller = "virtio-blk") -> bool:
        """Plug a volume into a machine whose boot has only begun, and have that boot begin again.

        True where it was done. False, and nothing happened, where the guest may have written to a disk since
        it was powered on, or does not run.
        """
        with self._held_before_its_boot() as held:
            if held:
                self.attach(drive, controller)
                self.reset()
            return held

    def end_before_its_boot(self) -> bool:
        """End a machine whose boot has only begun; False where the guest may have written to a disk."""
        with self._held_before_its_boot() as held:
            if held:
                self.quit()
            return held

    @contextmanager
    def _held_before_its_boot(self) -> Iterator[bool]:
        """Paused while the caller decides, if no disk of it was written to: then nothing can be lost."""
        if not self.is_running() or self.status() != "running":
            yield False
            return
        self.pause()
        try:
            yield not drives.were_written_to(self._monitor)
        finally:
            if self.is_running():
                self.go_on()

    def status(self) -> str:
        """QEMU's word: "running", "paused" (by `pause`), "io-error" (the host's disk is full), …"""
        answer = self._monitor.execute("query-status")
        return str(answer["status"]) if isinstance(answer, dict) else ""

    def crashed(self) -> bool:
        """Did the process end without a word? QEMU removes its pid file when it ends in an orderly way."""
        return self.files.pid.exists() and not self.is_running()

    def kill(self) -> None:
        """SIGKILL, as a crash of the host would; `crashed` is true afterwards."""
        process.kill(self.files.pid)
        self.wait_ended(_QUIT_TIMEOUT_S)

    def quit(self) -> None:
        """End the process now; no error when it has ended already."""
        if not self.is_running():
            return
        try:
            self._monitor.execute("quit", timeout_s=_QUIT_TIMEOUT_S)
            ended = self.wait_ended(_QUIT_TIMEOUT_S)
        except MachineError:  # it hangs, or has ended in between
            ended = False
        if not ended:
            process.kill(self.files.pid)
            self.wait_ended(_QUIT_TIMEOUT_S)

    def wait_ended(self, timeout_s: float) -> bool:
        """Wait until the process has ended; False when it still runs after timeout_s seconds."""
        return process.wait_ended(self.files.pid, timeout_s)

    def console(self) -> bytes:
        """Everything the serial console said, across boots; empty before the first."""
        try:
            return self.files.console.read_bytes()
        except FileNotFoundError:
            return b""

    def forward(self, address: str, port: int, guest_port: int) -> None:
        """Let address:port (TCP) of the host reach the guest; raises MachineError if the port is taken."""
        problem = self._monitor.human(f"hostfwd_add net0 tcp:{address}:{port}-:{guest_port}")
        if problem:
            raise why_not_listen(address, port) or MachineError(
                f"QEMU cannot forward {address}:{port}: {problem}"
            )

    def unforward(self, address: str, port: int, guest_port: int) -> None:
        """Take a forward away; raises MachineError when there is none."""
        answer = self._monitor.human(f"hostfwd_remove net0 tcp:{address}:{port}")
        if not answer.endswith("removed"):
            raise MachineError(f"QEMU cannot remove the forward {address}:{port} -> {guest_port}: {answer}")

    def forwards(self) -> frozenset[tuple[str, int, int]]:
        """The forwards QEMU holds now: (address, port, guest port)."""
        rows = _FORWARD.findall(self._monitor.human("info usernet"))
        return frozenset((address, int(port), int(guest_port)) for address, port, guest_port in rows)

    def attach(self, drive: Drive, controller: Controller = "virtio-blk") -> None:
        """Hot plug a volume; no effect when it is there already. Raises MachineError when no port is free."""
        drives.attach(self._monitor, drive, controller)

    def detach(self, volume_id: str) -> None:
        """Ask the guest for a volume and wait until it has let it go; no effect when it is not there.

        Raises MachineError when the guest has not after some seconds: ask again.
        """
        drives.detach(self._monitor, volume_id)

    def grow(self, volume_id: str, size_gib: int) -> None:
        """Make a disk of the running guest larger, which the guest sees at once; virtio-blk only."""
        drives.grow(self._monitor, volume_id, size_gib * GIB)

    def switch_to_overlay(self, volume_id: str, overlay: Path) -> None:
        """Let the running guest go on writing into overlay (made before with LayerStore.create_overlay)."""
        drives.switch_to_overlay(self._monitor, volume_id, overlay)

    def save(self, tag: str) -> None:
        """Save memory, devices and disks under a tag inside the disks; start(spec, saved=tag) goes on.

        virtio-blk only. The guest's clock stands at the saved time afterwards: whoever restores sets it.
        """
        problem = self._monitor.human(f"savevm {self._stored_name(tag)}", timeout_s=SAVE_TIMEOUT_S)
        if problem:
            raise MachineError(f"QEMU cannot save the machine: {problem}")

    def restore(self, tag: str) -> None:
        """Go back to what `save` kept under this tag, while running; connections into the guest break."""
        problem = self._monitor.human(f"loadvm {self._stored_name(tag)}", timeout_s=SAVE_TIMEOUT_S)
        if problem:
            raise MachineError(f"QEMU cannot restore the machine: {problem}")

    def _stored_name(self, tag: str) -> str:
        return saved_states.stored_name(tag, self._monitor.release())

    @property
    def _monitor(self) -> Monitor:
        return Monitor(self.files.monitor)


def _find_socat() -> str:
    if found := shutil.which("socat"):
        return found
    raise MachineError(
        "socat is not installed; instances reach their metadata through it", hint="apt install socat"
    )
