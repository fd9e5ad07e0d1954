"""What the imports of a user's server cost, with and without hubsmith_server.lean: processor time and memory.

    python -m tests.bench_imports PYTHON

PYTHON has the packages of provisioners/python/requirements.in. The two ways take turns.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

from tests.unit.provisioners.single_user import HUBSMITH

_RUNS = 6
_WAYS = {
    "JupyterHub's own program": "import jupyterhub.singleuser",
    "with hubsmith_server.lean": "from hubsmith_server import lean; lean.singleuser()",
}
_CODE = """
import resource, sys
sys.path.insert(0, {folder!r})
{way}
import jupyterhub.singleuser.extension, jupyter_server.serverapp, jupyterlab.labapp, notebook.app
import jupyter_lsp, jupyter_resource_usage, jupyter_server_proxy, nbgitpuller
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""


def measure(python: str, way: str) -> tuple[float, float]:
    """Seconds of processor time, MiB of memory."""
    code = _CODE.format(folder=str(HUBSMITH / "server"), way=way)
    done = subprocess.run([python, "-s", "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    seconds, memory = map(float, done.stdout.split())
    return seconds, memory


def main() -> None:
    """Print the least and the median of some runs of each way."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("python", help="a Python with the packages of provisioners/python/requirements.in")
    python = parser.parse_args().python
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in _WAYS}
    for _ in range(_RUNS):
        for name, way in _WAYS.items():
            found[name].append(measure(python, way))
    for name, runs in found.items():
        seconds = [run[0] for run in runs]
        least, median = min(seconds), statistics.median(seconds)
        memory = min(run[1] for run in runs)
        sys.stdout.write(f"{name}: {least:.2f} s (median {median:.2f} s), {memory:.0f} MiB\n")


if __name__ == "__main__":
    main()
