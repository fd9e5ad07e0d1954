"""What bash says of a script without running it (`bash -n`)."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess

_COMPLAINT = re.compile(r"line (?P<line>\d+): (?P<words>.*)")


@functools.lru_cache(maxsize=512)
def complaint(script: str) -> tuple[int, str] | None:
    """The first line that bash cannot read, and why; None where there is none, or no bash on this machine.

    bash would run the file that BASH_ENV names first, so it does not get it.
    """
    bash = shutil.which("bash")
    if bash is None:
        return None
    done = subprocess.run(
        [bash, "--norc", "--noprofile", "-n"],
        input=script,
        env={"LC_ALL": "C.UTF-8", "PATH": os.environ.get("PATH", os.defpath)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode == 0:
        return None
    said = _COMPLAINT.search(done.stderr)
    return (int(said["line"]), said["words"]) if said else (1, done.stderr.strip())
