"""A site's own settings, /etc/jupyterhub/conf.d/*.py: read with the hub's own `c`, then merged with it.

JupyterHub's load_subconfig gives each file an empty `c`: there `c.Spawner.environment["A"] = "B"` is a
TypeError, and an assignment takes away what the image has set.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

from hubsmith_machine import files

from hubsmith_hub import site_rules, site_users
from hubsmith_hub.site_joins import RefusedError

FOLDER = Path("/etc/jupyterhub/conf.d")
PROBLEM = Path("/run/hubsmith/conf.d-problem.json")
"""What `status` shows of a hub that does not start: ``file``, ``line`` and ``message``."""

EX_CONFIG = 78
"""Exit status, sysexits.h; jupyterhub.service is not started again after it."""


class SettingsError(Exception):
    """A file that cannot be taken; ``line`` is 0 where there is none."""

    def __init__(self, file: Path, line: int, message: str) -> None:
        super().__init__(f"{file}, line {line}: {message}" if line else f"{file}: {message}")
        self.file, self.line, self.message = file, line, message


def read(c: Any) -> None:  # noqa: ANN401  # traitlets' Config
    """Read all of them into ``c``, in the order of their names.

    Ends the process with EX_CONFIG when one cannot be taken: without a site's settings a hub might allow what
    the site forbids. File and line are on stderr, for the journal, and in PROBLEM.
    """
    try:
        load(c, FOLDER)
    except SettingsError as exc:
        refuse(exc)
    with suppress(PermissionError):  # of somebody who is not root and looks at the configuration
        PROBLEM.unlink(missing_ok=True)


def refuse(exc: SettingsError) -> NoReturn:
    """End the process with EX_CONFIG, with the words on stderr and in PROBLEM."""
    print(f"error: {exc}", file=sys.stderr)
    _note(exc)
    raise SystemExit(EX_CONFIG) from None


def load(c: Any, folder: Path) -> None:  # noqa: ANN401
    """As ``read``, from that folder. Raises SettingsError."""
    ours = site_rules.snapshot(c)
    changed: dict[tuple[str, str], Path] = {}
    for path in sorted(folder.glob("*.py")):
        before = site_rules.snapshot(c)
        _execute(path, c)
        changed |= dict.fromkeys(site_rules.differences(before, c), path)
    try:
        site_rules.merge(c, ours)
        site_users.leave_out_refused(c)
    except RefusedError as exc:
        path = changed.get((exc.section, exc.name), folder)
        raise SettingsError(path, _line_of(path, exc.section, exc.name), str(exc)) from exc


def _execute(path: Path, c: Any) -> None:  # noqa: ANN401
    """As JupyterHub executes its configuration, with the same ``c``."""

    def load_subconfig(name: str, where: str | None = None) -> None:
        _execute(Path(where or path.parent) / name, c)

    given: Mapping[str, Any] = {
        "c": c,
        "get_config": lambda: c,
        "load_subconfig": load_subconfig,
        "__file__": str(path),
    }
    try:
        exec(compile(path.read_bytes(), str(path), "exec"), dict(given))  # noqa: S102  # as traitlets does
    except SettingsError:
        raise
    except SyntaxError as exc:
        raise SettingsError(path, exc.lineno or 0, f"SyntaxError: {exc.msg}") from exc
    except (Exception, SystemExit) as exc:
        what = " ".join(f"{type(exc).__name__}: {exc}".split())
        raise SettingsError(path, _last_line(exc.__traceback__, path), what) from exc


def _last_line(traceback: TracebackType | None, path: Path) -> int:
    """Where the file itself was when it failed, however deep in a library that happened."""
    line = 0
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == str(path):
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


def _line_of(path: Path, section: str, name: str) -> int:
    """The last line that names the setting; 0 where none does."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return 0
    found = [number for number, line in enumerate(lines, 1) if re.search(rf"\b{section}\.{name}\b", line)]
    return found[-1] if found else 0


def _note(exc: SettingsError) -> None:
    told = {"file": str(exc.file), "line": exc.line, "message": exc.message}
    with suppress(OSError):  # the words on stderr remain
        PROBLEM.parent.mkdir(mode=0o755, exist_ok=True)
        files.write_private(PROBLEM, json.dumps(told).encode())
