"""One provisioner: its files laid over /, then its install.sh run as root."""

from __future__ import annotations

import re

from build.bake import scripts, watch
from build.bake.inputs import provisioner_files
from build.bake.state import Bake
from build.errors import RemoteError
from build.manifest import ProvisionerUse, environment
from build.pipeline import Step
from build.remote import file_tree
from build.remote.shell import Shell, exports

REMOTE_FOLDER = "/var/lib/hubsmith/build"
"""Not /tmp: hardened images mount it noexec. Sealing removes it."""

_LAST_LINES = 15
# Said by run_install.sh's ERR trap, and by bash itself for an unset variable or a syntax error.
_MARKS = (
    re.compile(r"^hubsmith: failed at (?P<file>\S+):(?P<line>\d+)"),
    re.compile(r"^(?:\S*/)?(?P<file>install\.sh): line (?P<line>\d+):"),
)


class Provision(Step[Bake]):
    """Run one provisioner on the builder.

    When it sends something else, count BUILDER_RECIPE["provision"] up (builder_version.py).

    Needs: builder.
    """

    def __init__(self, use: ProvisionerUse, number: int) -> None:
        self._use = use
        self._number = number
        self.title = f"provision {use.name}"

    def run(self, state: Bake) -> None:
        """Raises RemoteError with the provisioner's file, line and last output; UserError for a template."""
        if state.layer and self._number < state.layer.depth:
            state.report.note("already in the layer")
            return
        files = list(provisioner_files.laid_over(self._use).values())
        with watch.shell(state, state.builder) as shell:
            folder = f"{REMOTE_FOLDER}/{self._number:02}-{self._use.name}"
            self._send(shell, folder, state)
            if files:
                shell.send(file_tree.archive(files), "tar -x -p -f - -C /", root=True)
            self._install(shell, folder, state)

    def _send(self, shell: Shell, folder: str, state: Bake) -> None:
        variables = {**environment(self._use), **_standard_variables(state)}
        sent = [
            file_tree.FileEntry(
                f"{folder}/install.sh", (self._use.folder / "install.sh").read_bytes(), file_tree.roots(0o700)
            ),
            file_tree.FileEntry(
                f"{folder}/run_install.sh", scripts.RUN_INSTALL.read_bytes(), file_tree.roots(0o700)
            ),
            file_tree.FileEntry(f"{folder}/environment", exports(variables).encode(), file_tree.roots(0o600)),
            *given(self._use, folder),
        ]
        shell.send(file_tree.archive(sent), "tar -x -p -f - -C /", root=True)

    def _install(self, shell: Shell, folder: str, state: Bake) -> None:
        lines: list[str] = []

        def keep(line: str) -> None:
            lines.append(line)
            state.report.output(line)

        timeout_s = self._use.definition.timeout_minutes * 60
        try:
            status = shell.stream(
                f"cd {folder} && bash ./run_install.sh 2>&1", on_line=keep, root=True, timeout_s=timeout_s
            )
        except RemoteError as exc:  # it took too long, or the builder is gone
            raise self._failure(f"was cut off: {exc.message}", lines, exc.hint) from exc
        if status != 0:
            raise self._failure(f"ended with status {status}", lines)

    def _failure(self, how: str, lines: list[str], advice: str | None = None) -> RemoteError:
        script = self._use.folder / "install.sh"
        line = next(
            (mark["line"] for text in reversed(lines) for pattern in _MARKS if (mark := pattern.match(text))),
            None,
        )
        last = "\n".join(f"  {text}" for text in lines[-_LAST_LINES:]) or "  (none)"
        look = "run again with --on-failure keep to look at the builder"
        return RemoteError(
            f"provisioner {self._use.name} {how}",
            where=f"{script}:{line}" if line else str(script),
            hint="\n".join(filter(None, [f"its last output:\n{last}", advice, look])),
        )


def given(use: ProvisionerUse, folder: str) -> list[file_tree.FileEntry]:
    """The texts that are to stand beside its install.sh in ``folder``."""
    return [
        file_tree.FileEntry(f"{folder}/lock/{name}.txt", text.encode(), file_tree.roots(0o600))
        for name, text in use.given.items()
    ]


def _standard_variables(state: Bake) -> dict[str, str]:
    """What every provisioner gets beside its own variables: the login user, and mirrors by clients' names."""
    mirrors = state.manifest.builder.mirrors
    variables = {
        "HUBSMITH_LOGIN_USER": state.base.login_user,
        "PIP_INDEX_URL": mirrors.pypi,
        "UV_DEFAULT_INDEX": mirrors.pypi,
        "NPM_CONFIG_REGISTRY": mirrors.npm,
        "CONDA_CHANNEL_ALIAS": mirrors.conda,
        "HUBSMITH_APT_MIRROR": mirrors.apt,
    }
    return {name: str(value) for name, value in variables.items() if value}
