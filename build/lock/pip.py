"""pip's packages, worked out by uv for machines that are not this one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import uv

from build.errors import HubsmithError, UserError
from build.manifest.packages.lockfile_format import PIP_ENTRY
from build.manifest.schema import Arch

# Marker terms that hold for every machine the lock is for; uv writes them behind each package.
_HERE = "implementation_name == 'cpython' and platform_machine == '{arch}' and sys_platform == 'linux'"
_CAUSE = re.compile(r"cause: (.*?)(?:\n\n|\nhint: |\Z)", re.DOTALL)


def compile(
    wanted: Sequence[str],
    limits: Sequence[str],
    arch: Arch,
    python: str,
    before: str = "",
    index: str | None = None,
    overrides: Sequence[str] = (),
) -> str:
    """What pip has to install for ``wanted`` alone, as pins with hashes, from this ``python`` on.

    ``limits`` hold for packages that are needed, ``before`` are earlier pins that are kept where they fit,
    ``overrides`` hold whatever packages ask for. ``index`` is asked instead of the one uv itself would ask.
    Raises UserError when the packages do not exist or do not fit together, HubsmithError when the index does
    not answer.
    """
    here = _HERE.format(arch=arch)
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pyproject.toml").write_text(f'[tool.uv]\nenvironments = ["{here}"]\n', encoding="utf-8")
        (folder / "requirements.in").write_text("\n".join(wanted) + "\n", encoding="utf-8")
        (folder / "limits.txt").write_text("\n".join(limits) + "\n", encoding="utf-8")
        (folder / "overrides.txt").write_text("\n".join(overrides) + "\n", encoding="utf-8")
        (folder / "requirements.txt").write_text(before, encoding="utf-8")
        done = _uv(folder, python, index)
        if done.returncode != 0:
            raise _refusal(done.stderr, arch)
        text = (folder / "requirements.txt").read_text(encoding="utf-8")
    pins = text.replace(f" and {here}", "").replace(f" ; {here}", "")
    return _checked(pins)


def _uv(folder: Path, python: str, index: str | None) -> subprocess.CompletedProcess[str]:
    files = [
        "requirements.in",
        "--constraint",
        "limits.txt",
        "--override",
        "overrides.txt",
        "--output-file",
        "requirements.txt",
    ]
    command = [uv.find_uv_bin(), "pip", "compile", *files]
    options = [
        "--quiet",
        "--universal",
        "--python-version",
        python,
        "--python",
        sys.executable,
        "--generate-hashes",
    ]
    bare = ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
    # The certificates this machine trusts, and no interpreter of uv's own.
    settings = {**os.environ, "UV_SYSTEM_CERTS": "true", "UV_PYTHON_DOWNLOADS": "never", "NO_COLOR": "1"}
    if index:
        settings["UV_DEFAULT_INDEX"] = index
    return subprocess.run(
        [*command, *options, *bare], cwd=folder, env=settings, capture_output=True, text=True, check=False
    )


def _refusal(said: str, arch: Arch) -> HubsmithError:
    found = _CAUSE.search(said)
    reason = " ".join((found[1] if found else said).split())
    if "No solution found" in said:
        return UserError(
            f"pip packages cannot be locked for {arch}: {reason}",
            hint="nothing was changed; correct the manifest",
        )
    where = "builder.mirrors.pypi, else PyPI"
    return HubsmithError(
        f"pip packages could not be locked for {arch}: {reason}",
        hint=f"nothing was changed; the index is {where}",
    )


def _checked(pins: str) -> str:
    """The pins, if each has a hash. Raises UserError for one that has none, as from git or a folder."""
    at = 0
    while at < len(pins):
        found = PIP_ENTRY.match(pins, at)
        if found is None:
            raise UserError(
                f"pip packages cannot be locked: {pins[at:].splitlines()[0]} has no hash",
                hint=(
                    "a package from git can change under its name: take a released one, or the address of "
                    "a file"
                ),
            )
        at = found.end()
    return pins
