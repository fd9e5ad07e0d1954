"""ssh to a hub as its operator: port 22 open meanwhile, host keys known beforehand, the operator's key."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from build import image_contract, kernel_console
from build.aws import parameters
from build.aws.console import kernel_faults
from build.aws.instances import console_tail
from build.aws.session import Clients
from build.errors import HubsmithError, RemoteError
from build.hubs import address, instances
from build.hubs import operator_key as hubs_operator_key
from build.hubs.hub import Hub
from build.hubs.instances import HubInstance
from build.manifest import Manifest
from build.operate import ssh_ingress
from build.pipeline import interruptible
from build.remote import ssh_config
from build.remote.public_ip import caller_cidrs
from build.remote.ssh_target import SshTarget
from build.report.reporter import Reporter

_TIMEOUT_S = 900
# A security group's rule takes a moment until it is in force.
_PATIENCE = {"ConnectTimeout": "10", "ConnectionAttempts": "30", "ServerAliveInterval": "15"}
_OPTIONS = {**ssh_config.SHARED, **_PATIENCE}
_SSH_FAILED = 255  # ssh's own exit status, where any other is that of the command (ssh(1))


@dataclass(frozen=True)
class _Done:
    """How a command ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


class _Printed:
    """Lines that are said once, such as passwords: what cannot be printed goes into a file."""

    def __init__(self, report: Reporter, domain: str) -> None:
        self.report, self.domain = report, domain
        self.lines: list[str] = []
        self.unprinted: list[str] = []
        self.problem: HubsmithError | None = None

    def line(self, text: str) -> None:
        """Print a line, or keep it."""
        self.lines.append(text)
        try:
            if self.problem is None:
                if self.report.result(text):
                    return
                self.problem = HubsmithError("nobody reads standard output any more")
        except HubsmithError as error:
            self.problem = error
        self.unprinted.append(text)

    def __enter__(self) -> _Printed:
        return self

    def __exit__(self, *_: object) -> None:
        if self.problem is None:
            return
        path = Hub.named(self.domain).folder / "not-printed"
        with open(
            path, "a", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)
        ) as file:
            file.writelines(f"{text}\n" for text in self.unprinted)
        raise HubsmithError(
            self.problem.message,
            hint=f"what could not be printed is in {path}: remove it when you have read it",
        )


@dataclass(frozen=True)
class SshSession:
    """An open way to the machine, for the stock ssh client; ``explain`` says what may keep it out."""

    config: Path
    target: SshTarget
    image_id: str
    report: Reporter
    explain: Callable[[], str]

    def command(self, line: str = "", *, root: bool = False, terminal: bool = False) -> list[str]:
        """The ssh command that runs ``line`` (a shell without one)."""
        as_root = "sudo -n -- " if root and self.target.user != "root" else ""
        return ssh_config.command(self.config, as_root + line if line else "", *["-t"] * terminal)

    def run(self, line: str, *, data: str = "") -> str:
        """What ``line`` prints, run as root with ``data`` on its standard input.

        Raises RemoteError with its own words.
        """
        done = self._run(line, data)
        self._check(line, done)
        return done.stdout

    def show(self, line: str, *, data: str = "") -> bool:
        """Print here what ``line`` prints, its warnings too; whether it printed anything. Raises as `run`.

        For what is said once, such as a new password, even where the next thing failed.
        """
        with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
            told = self._show_lines(line, data, errors)
            errors.seek(0)
            done = replace(told, stderr=errors.read())
        self._check(line, done)
        for warning in done.stderr.splitlines():
            self.report.warn(warning)
        return bool(done.stdout.strip())

    def _show_lines(self, line: str, data: str, errors: IO[str]) -> _Done:
        """Print each line as it comes: a connection that breaks later takes none of them back."""
        process = subprocess.Popen(
            self.command(line, root=True),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
        )
        limit = threading.Timer(_TIMEOUT_S, process.kill)
        limit.start()
        try:
            with process, _Printed(self.report, self.target.name) as printed:
                assert process.stdin is not None
                assert process.stdout is not None
                with suppress(BrokenPipeError), process.stdin as into:
                    into.write(data)
                for said in process.stdout:
                    printed.line(said.rstrip("\n"))
        except BaseException:
            process.kill()
            raise
        finally:
            limit.cancel()
        return _Done(process.returncode, "\n".join(printed.lines), "")

    def _run(self, line: str, data: str) -> _Done:
        done = subprocess.run(
            self.command(line, root=True),
            input=data,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        return _Done(done.returncode, done.stdout, done.stderr)

    def _check(self, line: str, done: _Done) -> None:
        if done.returncode != 0:
            cause = self.explain() if done.returncode == _SSH_FAILED else ""
            message = f"'{line}' on {self.target.address} ended with status {done.returncode}"
            raise RemoteError(
                ": ".join(filter(None, [message, cause])), hint=_last_lines(done.stderr or done.stdout)
            )

    def require(self, what: str) -> None:
        """Raises UserError when the machine's image is too old for ``what`` (build/image_contract.py)."""
        if image_contract.SINCE.get(what, image_contract.FIRST_CONTRACT) == image_contract.FIRST_CONTRACT:
            return
        has = self.run(
            f"cat {image_contract.CONTRACT_FILE} 2> /dev/null || echo {image_contract.FIRST_CONTRACT}"
        ).strip()
        image_contract.require(what, has, self.image_id, self.target.name)

    def follow(self, line: str = "", *, terminal: bool = False, root: bool = False) -> int:
        """Run ``line`` (or a shell) with this terminal as its own; its exit status."""
        status = subprocess.run(self.command(line, root=root, terminal=terminal), check=False).returncode
        if status == _SSH_FAILED and (cause := self.explain()):
            self.report.warn(cause)
        return status


@dataclass(frozen=True)
class KnownMachine:
    """An instance whose host keys were read while it was the hub: another one may publish its own later."""

    instance: HubInstance
    host_keys: tuple[str, ...]


def known_machine(hub: Hub, clients: Clients) -> KnownMachine:
    """The hub's instance now, with its host keys. Raises HubsmithError, RemoteError."""
    instance = running_instance(hub, clients)
    return KnownMachine(instance, host_keys(hub, clients, instance))


@contextmanager
def ssh_session(
    hub: Hub,
    clients: Clients,
    manifest: Manifest,
    report: Reporter,
    operator_key: str = "",
    known: KnownMachine | None = None,
) -> Iterator[SshSession]:
    """Open the way for the block; it is closed at its end, however that comes.

    It leads to the hub's address: to the hub's instance, or to ``known``.
    Warns when the kernel has panicked and has not started again: the block may wait for long.
    Raises HubsmithError when there is no hub to enter, RemoteError when it has not published its host keys.
    """
    known = known or known_machine(hub, clients)
    instance, keys = known.instance, known.host_keys
    identity = hubs_operator_key.require_key(hub, operator_key)
    for fault in kernel_faults(clients.ec2, instance.id):
        if fault.kind == "panic" and fault.is_in_this_boot:
            report.warn(f"{instance.id}: {fault}")
    own = address.own_address(clients, hub)
    ip = own.ip if own else instance.public_ip
    user = instance.login_user or manifest.base.login_user
    target = SshTarget(ip, user, identity, keys, name=hub.domain)
    with interruptible(report), tempfile.TemporaryDirectory(prefix="hubsmith-") as folder:
        config = ssh_config.write(target, Path(folder), Path(folder) / "control", _OPTIONS)
        with ssh_ingress.ssh_allowed(hub, clients, caller_cidrs(manifest.builder)):
            try:
                yield SshSession(
                    config, target, instance.image_id, report, lambda: _faults_of(clients, instance)
                )
            finally:
                ssh_config.close(config)


def running_instance(hub: Hub, clients: Clients) -> HubInstance:
    """The hub's instance. Raises HubsmithError when there is none, or it does not run."""
    alive = instances.of_hub(clients, hub)
    if not alive:
        raise HubsmithError(
            f"no instance of {hub.domain} in {clients.cloud.region}", hint="`invoke hubs` lists the hubs"
        )
    running = [instance for instance in alive if instance.state == "running"]
    if not running:
        raise HubsmithError(
            f"{alive[0].id} is {alive[0].state}", hint=f"`invoke launch --domain {hub.domain}` starts it"
        )
    return running[0]


def host_keys(hub: Hub, clients: Clients, instance: HubInstance) -> tuple[str, ...]:
    """The public host keys that the instance published at its boot."""
    value = parameters.value_of(clients, hub.parameter(image_contract.HOST_KEYS))
    if value is None:
        message = (
            f"{instance.id} has not published its host keys, so ssh cannot check that it is the hub that "
            "answers"
        )
        raise RemoteError(
            "; ".join(filter(None, [message, _faults_of(clients, instance)])),
            hint=f"is it still booting? The end of its console:\n{console_tail(clients.ec2, instance.id)}",
        )
    return tuple(line for line in value.splitlines() if line.strip())


def _faults_of(clients: Clients, instance: HubInstance) -> str:
    return "; ".join(str(fault) for fault in kernel_console.newest(kernel_faults(clients.ec2, instance.id)))


def _last_lines(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.strip().splitlines()[-20:])
