"""conda's packages for another machine: a question as JSON in, an answer as JSON out. Run by conda.py.

python conda_solver.py QUESTION ANSWER
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import rattler
from rattler.exceptions import InvalidMatchSpecError, SolverError

_GLIBC, _LINUX = "2.36", "6.1"  # Debian 12's, the oldest base image


async def solve(question: dict[str, Any]) -> list[rattler.RepoDataRecord]:
    """Raises what py-rattler raises."""
    gateway = rattler.Gateway(cache_dir=Path(question["cache"]))
    specs = [rattler.MatchSpec(spec) for spec in question["specs"]]
    return await rattler.solve(
        question["channels"],
        specs,
        gateway=gateway,
        platforms=question["platforms"],
        locked_packages=await _kept(question, gateway),
        virtual_packages=_machine(question["machine"]),
        constraints=question["constraints"],
    )


async def _kept(question: dict[str, Any], gateway: rattler.Gateway) -> list[rattler.RepoDataRecord]:
    """The records of an earlier lock that the channels still have."""
    kept = set(question["kept"])
    names = {url.rpartition("/")[2].rsplit("-", 2)[0] for url in kept}
    if not names:
        return []
    found = await gateway.query(question["channels"], question["platforms"], sorted(names), recursive=False)
    return [record for records in found for record in records if record.url in kept]


def _machine(arch: str) -> list[rattler.GenericVirtualPackage]:
    """What the machine has that no channel does (conda's virtual packages)."""
    facts = (
        ("__glibc", _GLIBC, "0"),
        ("__linux", _LINUX, "0"),
        ("__unix", "0", "0"),
        ("__archspec", "1", arch),
    )
    return [
        rattler.GenericVirtualPackage(
            rattler.PackageName(name), rattler.Version(version), rattler.BuildString(build)
        )
        for name, version, build in facts
    ]


def _told(record: rattler.RepoDataRecord) -> dict[str, Any]:
    needs = {spec.split()[0] for spec in record.depends}
    return {
        "name": record.name.normalized,
        "version": str(record.version),
        "is_python": bool(record.noarch.python) or bool(needs & {"python", "python_abi"}),
        "url": record.url,
        "sha256": record.sha256.hex() if record.sha256 else "",
    }


def main() -> None:
    """Answer, or say what was wrong and whether with the input."""
    question = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    answer: dict[str, Any]
    try:
        answer = {"records": [_told(record) for record in asyncio.run(solve(question))]}
    except Exception as error:
        answer = {"error": str(error), "input": isinstance(error, (InvalidMatchSpecError, SolverError))}
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")
    os._exit(0)  # its threads were seen to fall when the interpreter ends under them


if __name__ == "__main__":
    main()
