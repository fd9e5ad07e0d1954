"""`python -m tests.disk_diff ONE.qcow2 OTHER.qcow2`: which files differ between two disks of the local cloud,
read without booting them.

For comparing a layered build with a cold one: contents, links, modes and owners of the root file system (the
largest partition), not times. Needs qemu-img, sfdisk and debugfs. The local cloud has the disks in layers/ of
its state folder.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path


def main(one: str, other: str) -> None:
    """Print a line for each path that differs."""
    before, after = tree(Path(one)), tree(Path(other))
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path):
            where = (
                "only in the first"
                if path not in after
                else "only in the second"
                if path not in before
                else "differs"
            )
            sys.stdout.write(f"{where}\t{path}\n")
    sys.stdout.write(f"{len(before)} and {len(after)} entries\n")


def tree(disk: Path) -> dict[str, str]:
    """Path -> mode, owners and the SHA-256 of the content (or the target of a link)."""
    with tempfile.TemporaryDirectory(prefix="hubsmith-trees-") as folder:
        raw, out = Path(folder) / "raw", Path(folder) / "out"
        subprocess.run(["qemu-img", "convert", "-O", "raw", str(disk), str(raw)], check=True)
        table = json.loads(
            subprocess.run(["sfdisk", "--json", str(raw)], capture_output=True, check=True).stdout
        )["partitiontable"]
        root = max(table["partitions"], key=lambda part: part["size"])
        out.mkdir()
        device = f"{raw}?offset={root['start'] * table.get('sectorsize', 512)}"
        subprocess.run(["debugfs", "-R", f"rdump / {out}", device], capture_output=True, check=True)
        found = {}
        listed = subprocess.run(
            ["find", str(out), "-printf", "%y %m %U:%G %l\\t%P\\n"],
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=True,
        )
        for line in listed.stdout.splitlines():
            facts, _, path = line.partition("\t")
            found[path] = facts
        hashed = subprocess.run(
            f"cd {out} && find . -type f -print0 | xargs -0 sha256sum",
            shell=True,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=True,
        )
        for line in hashed.stdout.splitlines():
            digest, _, path = line.partition("  ./")
            found[path] = f"{found.get(path, '')} {digest}"
    return found


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
