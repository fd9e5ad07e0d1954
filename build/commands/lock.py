"""Lock: which packages exactly."""

from __future__ import annotations

from invoke import Exit

from build.commands.common import JSON, cli_session
from build.commands.options import ManifestOptions, manifest_task
from build.errors import ManifestError

CHANGED = 3


@manifest_task(
    help=JSON
    | {
        "upgrade": "Take the newest versions that fit",
        "diff": "Only show what would change (+ new, - gone, ~ other version); exit code 3 if anything would",
    }
)
def lock(choice: ManifestOptions, upgrade: bool = False, diff: bool = False, json: bool = False) -> None:
    """Lock the users' packages in a file beside the manifest.

    The file has hashes too; its name is printed. A build installs exactly those
    packages.
    """
    from build.lock import diff as differences
    from build.lock.resolve import resolve
    from build.lock.write import write
    from build.manifest.packages import lockfile_format

    with cli_session(when_stopped="the lock was not changed") as report:
        chosen = choice.load()
        path = chosen.lock_path
        found, _tree, problems = lockfile_format.load(path)
        if problems:
            raise ManifestError(problems)
        before = found or lockfile_format.Lock()
        with report.step("resolve packages"):
            after = resolve(chosen, before, upgrade=upgrade)
        lines = differences.changes(before, after)
        if not diff and after != before:
            write(after, path)
        if json:
            report.document({"lock": str(path), "changes": lines, "written": not diff and after != before})
        elif diff:
            report.result("\n".join(lines)) if lines else report.note("the lock is up to date")
        else:
            report.note("\n".join(differences.summary(before, after)) or "the lock is up to date")
            report.result(str(path))
    if diff and lines:
        raise Exit(code=CHANGED)
