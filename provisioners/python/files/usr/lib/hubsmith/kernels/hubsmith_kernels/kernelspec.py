"""The kernel of an environment, as JupyterLab finds it: it starts by way of create-kernel."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from hubsmith_kernels.environment import Environment, KernelError

PROGRAM = "/usr/local/bin/create-kernel"


def install(environment: Environment) -> None:
    """Write its kernelspec. Raises KernelError, OSError."""
    name = environment.folder.name
    done = subprocess.run(
        [environment.python, "-m", "ipykernel", "install", "--user", "--name", name, "--display-name", name],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise KernelError(f"the kernel could not be installed: {done.stderr.strip()[-300:]}")
    path = folder() / name / "kernel.json"
    spec = json.loads(path.read_text(encoding="utf-8"))
    spec["argv"] = [PROGRAM, "--start", name, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    path.write_text(json.dumps(spec, indent=1), encoding="utf-8")


def folder() -> Path:
    """Where Jupyter looks for a user's own (jupyter_core.paths.jupyter_data_dir)."""
    usual = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "jupyter"
    return Path(os.environ.get("JUPYTER_DATA_DIR") or usual) / "kernels"
