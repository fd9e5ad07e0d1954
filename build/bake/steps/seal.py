"""Nothing of the builder is left in the image."""

from __future__ import annotations

from build.bake import scripts, watch
from build.bake.state import Bake
from build.errors import RemoteError
from build.pipeline import Step
from build.remote.shell import Shell


class Seal(Step[Bake]):
    """Note what is installed, then remove keys, identities, histories, logs and caches.

    Needs: builder. Produces: packages.
    """

    title = "seal"

    def run(self, state: Bake) -> None:
        """Raises RemoteError with the script's own words when anything could not be removed."""
        lines: list[str] = []

        def keep(line: str) -> None:
            lines.append(line)
            state.report.output(line)

        with watch.shell(state, state.builder) as shell:
            state.packages = list_packages(shell)
            # The script comes on standard input: nothing of it is written to the disk it cleans. The key that
            # opened this connection goes last; the connection itself stays until the instance stops.
            status = shell.stream(
                "sh -s 2>&1", on_line=keep, root=True, timeout_s=300, data=scripts.SEAL.read_bytes()
            )
        if status != 0:
            raise RemoteError(
                f"sealing ended with status {status}", where=str(scripts.SEAL), hint="\n".join(lines[-15:])
            )


def list_packages(shell: Shell) -> dict[str, dict[str, str]]:
    """{"dpkg": {name: version}, "/opt/hub": {…}, …}: what is installed, by package manager or environment.

    Also {"licence /opt/hub": {name: licence}, "bytes": {"/opt/anaconda": size}}.
    """
    lines: list[str] = []
    status = shell.stream(
        "sh -s", on_line=lines.append, root=True, timeout_s=120, data=scripts.LIST_PACKAGES.read_bytes()
    )
    if status != 0:
        raise RemoteError(
            f"listing packages ended with status {status}",
            where=str(scripts.LIST_PACKAGES),
            hint="\n".join(lines[-15:]),
        )
    found: dict[str, dict[str, str]] = {}
    for line in lines:
        where, name, version = line.split("\t")
        found.setdefault(where, {})[name] = version
    return found
