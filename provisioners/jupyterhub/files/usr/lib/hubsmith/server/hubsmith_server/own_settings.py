"""Says which of the user's own files kept a server from starting.

What is printed is in the journal, and in the last lines that the hub's page shows.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STARTING_S = 300
"""A server that ends later than this was not kept from starting."""
_SLOW_S = 60
_PATTERNS = ("jupyter*_config.py", "jupyter*_config.json", "jupyter*_config.d/*.json", "ipython*_config.py")


@contextmanager
def blamed(slow_s: float = _SLOW_S) -> Iterator[None]:
    """Around the start of a server: print the files of settings when it ends with an error, and the line of
    one in which it hangs.
    """
    started = threading.Event()
    old = threading.Timer(_STARTING_S, started.set)
    slow = threading.Timer(slow_s, _say_where, [threading.get_ident()])
    for timer in (old, slow):
        timer.daemon = True
        timer.start()
    try:
        yield
    except BaseException as exc:
        if not started.is_set() and not (isinstance(exc, SystemExit) and exc.code in (None, 0)):
            _say_files()
        raise
    finally:
        old.cancel()
        slow.cancel()


def files() -> list[Path]:
    """The user's own files of settings that a server reads."""
    from jupyter_core import paths

    folders = dict.fromkeys(map(Path, paths.jupyter_config_path()))
    return [
        file
        for folder in folders
        if folder.is_relative_to(Path.home())
        for pattern in _PATTERNS
        for file in sorted(folder.glob(pattern))
    ]


def _say_files() -> None:
    try:
        found = files()
    except Exception:  # of Jupyter's own, which may be what is broken
        return
    if found:
        _print(f"the server read these files of your own: {', '.join(map(str, found))}")


def _say_where(thread: int) -> None:
    """Of a thread that has not come out of a file in the home."""
    frame = sys._current_frames().get(thread)
    lines = traceback.extract_stack(frame) if frame else []
    for line in reversed(lines):
        if Path(line.filename).is_relative_to(Path.home()):
            _print(f"the server is still at line {line.lineno} of {line.filename}")
            return


def _print(words: str) -> None:
    print(f"start-server: {words}", file=sys.stderr, flush=True)
