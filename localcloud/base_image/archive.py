"""A file tree in memory, and the archives it can become.

Everything belongs to root; nothing depends on the checkout's own owners.
"""

from __future__ import annotations

import io
import stat
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeAlias


@dataclass(frozen=True)
class File:
    """Content and permissions of one file."""

    content: bytes
    mode: int = 0o644


@dataclass(frozen=True)
class Folder:
    """An empty folder, or one with other permissions than 0755."""

    mode: int = 0o755


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


Entry: TypeAlias = File | Folder | Link
Tree = Mapping[str, Entry]
"""Paths without a leading slash → entries; the folders above them are implied (root's, 0755)."""


def read_folder(folder: Path) -> dict[str, File]:
    """The files below a folder; executable ones are 0755, the others 0644."""
    return {
        str(path.relative_to(folder)): File(
            path.read_bytes(), 0o755 if path.stat().st_mode & 0o100 else 0o644
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def texts(contents: Mapping[str, str]) -> dict[str, File]:
    """The same for contents already at hand."""
    return {path: File(text.encode()) for path, text in contents.items()}


def with_folders(tree: Tree) -> dict[str, Entry]:
    """The tree with every folder spelled out, in an order that creates folders before what is in them."""
    above = {str(parent) for path in tree for parent in PurePosixPath(path).parents} - {"."}
    whole: dict[str, Entry] = {path: Folder() for path in above}
    whole.update(tree)
    return dict(sorted(whole.items()))


def as_tar(tree: Tree) -> bytes:
    """A tar archive of exactly these entries: folders that are there keep their owners and modes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, entry in sorted(tree.items()):
            member = tarfile.TarInfo(f"./{path}")
            if isinstance(entry, File):
                member.size, member.mode = len(entry.content), entry.mode
                tar.addfile(member, io.BytesIO(entry.content))
            elif isinstance(entry, Folder):
                member.type, member.mode = tarfile.DIRTYPE, entry.mode
                tar.addfile(member)
            else:
                member.type, member.linkname = tarfile.SYMTYPE, entry.target
                tar.addfile(member)
    return buffer.getvalue()


def as_cpio(tree: Tree) -> bytes:
    """An archive in cpio's "newc" format, from which the kernel unpacks its initial file system."""
    entries = [*with_folders(tree).items(), ("TRAILER!!!", File(b"", 0))]
    return b"".join(
        _cpio_member(number, path, entry) for number, (path, entry) in enumerate(entries, start=1)
    )


def _cpio_member(number: int, path: str, entry: Entry) -> bytes:
    if isinstance(entry, File):
        mode, data = stat.S_IFREG | entry.mode, entry.content
    elif isinstance(entry, Folder):
        mode, data = stat.S_IFDIR | entry.mode, b""
    else:
        mode, data = stat.S_IFLNK | 0o777, entry.target.encode()
    name = path.encode() + b"\0"
    # inode, mode, uid, gid, links, mtime, size, device (2), special device (2), length of the name, checksum
    fields: Iterable[int] = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(header + name) + _padded(data)


def _padded(block: bytes) -> bytes:
    return block + b"\0" * (-len(block) % 4)
