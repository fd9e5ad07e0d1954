"""A plugin of pytest for the image tests: testinfra's commands go through shells that stay open.

testinfra runs each command with an ssh of its own and, as root, a sudo. On an emulated machine a sudo takes
0.2 s, and the tests of one machine run hundreds of them. Here each process of pytest keeps one shell open for
the login user and one for root. A command is still run by a new process of the same shell as before, without
standard input, and has its own exit status, output and errors. What it starts in the background no longer
keeps it waiting.
"""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from contextlib import suppress

import testinfra.backend
from testinfra.backend.base import CommandResult
from testinfra.backend.ssh import SshBackend

# Output and errors go to files, so that the connection carries the exit status and both sizes in a line each,
# and then both. If those files are gone the shell ends, because nothing would come of what is waited for.
_BEGIN = "d=$(mktemp -d) && trap 'rm -rf \"$d\"' EXIT && trap exit HUP INT TERM && echo ready\n"
_RUN = (
    '%s -c %s < /dev/null > "$d/out" 2> "$d/err"; echo $?; stat -c %%s "$d/out" "$d/err" || exit; cat '
    '"$d/out" "$d/err"\n'
)
_AS_ROOT = "sudo /bin/sh -c "
_END_TIMEOUT_S = 10


class Lost(Exception):
    """The connection could not be opened, or ended before the command did; with what ssh said."""


class OpenShell:
    """A POSIX shell on the machine, started by ``start``; ``runner`` is the shell that runs each command."""

    def __init__(self, start: list[str], runner: str) -> None:
        self._runner = runner
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - not a pipe: ssh's shared connection would keep it open
        self._process = subprocess.Popen(
            start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self._write(_BEGIN)
        if self._output.readline() != b"ready\n":
            raise self._lost()

    @property
    def is_open(self) -> bool:
        """Whether the connection is there, as far as is known."""
        return self._process.poll() is None

    def run(self, command: str) -> tuple[int, bytes, bytes]:
        """Exit status, output and errors of a command. Raises Lost; then the shell is closed."""
        self._write(_RUN % (self._runner, shlex.quote(command)))
        head = [self._output.readline() for _ in range(3)]
        if not all(head):
            raise self._lost()
        status, out_size, errors_size = (int(line) for line in head)
        out, errors = self._output.read(out_size), self._output.read(errors_size)
        if (len(out), len(errors)) != (out_size, errors_size):
            raise self._lost()
        return status, out, errors

    def close(self) -> None:
        """End the shell, which then removes its folder on the machine."""
        with suppress(OSError):
            self._input.close()
        try:
            self._process.wait(_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._let_go()

    def _write(self, text: str) -> None:
        try:
            self._input.write(text.encode())
            self._input.flush()
        except OSError as exc:
            raise self._lost() from exc

    def _lost(self) -> Lost:
        self._process.kill()
        self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip()
        self._let_go()
        return Lost(said or "the connection ended")

    def _let_go(self) -> None:
        for stream in (self._input, self._output, self._errors):
            with suppress(OSError):  # what could not be written
                stream.close()


# of this process, by ssh configuration, machine, and whether it is root's
_shells: dict[tuple[str, str, bool], OpenShell] = {}


class OpenShellBackend(SshBackend):  # type: ignore[misc]  # testinfra is not typed
    """testinfra's ssh backend with shells that stay open.

    A command as another user than root is run as testinfra does.
    """

    def run(self, command: str, *args: str, **more: object) -> CommandResult:
        """Run a command. Raises RuntimeError when the connection is lost, as testinfra's own does."""
        line = self.get_command(command, *args)
        bare = without_sudo(line)
        try:
            status, out, errors = self._shell(as_root=bare is not None).run(line if bare is None else bare)
        except Lost as exc:
            raise RuntimeError(f"ssh {self.host.name}: {exc} (at the command: {line})") from exc
        return self.result(status, line.encode(), out, errors)

    def _shell(self, *, as_root: bool) -> OpenShell:
        key = (str(self.ssh_config), self.host.name, as_root)
        known = _shells.get(key)
        if known is None or not known.is_open:
            _shells[key] = known = OpenShell(
                self._start(as_root), "/bin/sh" if as_root else '"${SHELL:-/bin/sh}"'
            )
        return known

    def _start(self, as_root: bool) -> list[str]:
        command, arguments = self._build_ssh_command("exec sudo /bin/sh" if as_root else "exec /bin/sh")
        return shlex.split(self.quote(" ".join(command), *arguments))


def without_sudo(line: str) -> str | None:
    """What root's shell is to run, if testinfra (BaseBackend.get_sudo_command) made the line; else None."""
    if not line.startswith(_AS_ROOT):
        return None
    try:
        words = shlex.split(line.removeprefix(_AS_ROOT))
    except ValueError:
        return None
    return words[0] if len(words) == 1 else None


def pytest_configure() -> None:
    """Have testinfra use these shells wherever it would use ssh."""
    testinfra.backend.BACKENDS["ssh"] = f"{__name__}.{OpenShellBackend.__name__}"


def pytest_unconfigure() -> None:
    """End them."""
    while _shells:
        _shells.popitem()[1].close()
