"""A provisioner's files/ folder as one tar, to be laid over / by root.

Files keep their places; ``*.j2`` are rendered with Jinja2 in strict mode and lose the suffix. Folders are
made where they are missing and left as they are where they exist.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from build.errors import UserError
from build.manifest import Ownership
from build.manifest.provisioners import templates


@dataclass(frozen=True)
class FileEntry:
    """One file: its absolute path on the instance and its content, or the target if it is a symbolic link."""

    path: str
    content: bytes
    ownership: Ownership
    link_to: str | None = None


def roots(mode: int) -> Ownership:
    """Root's own file with these mode bits."""
    return Ownership(mode, "root", "root")


def collect(
    folder: Path, files: Iterable[Path], variables: Mapping[str, object], exceptions: Mapping[str, Ownership]
) -> list[FileEntry]:
    """Read ``files`` (relative to ``folder``, a files/ tree).

    ``exceptions`` maps paths on the instance to what differs from root:root 0644/0755.

    Raises UserError with the template's own file and line when it does not render, or when an exception names
    a path that is not there.
    """
    entries = [_entry(folder, folder / path, variables, exceptions) for path in files]
    unknown = set(exceptions) - {entry.path for entry in entries}
    if unknown:
        raise UserError(
            f"files: there is no {', '.join(sorted(unknown))} under {folder}",
            hint="paths are those on the instance, without .j2",
        )
    return entries


def archive(entries: list[FileEntry]) -> bytes:
    """The entries as an uncompressed tar with paths relative to /."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for entry in entries:
            tar.addfile(_tar_info(entry), None if entry.link_to else io.BytesIO(entry.content))
    return buffer.getvalue()


def _entry(
    folder: Path, path: Path, variables: Mapping[str, object], exceptions: Mapping[str, Ownership]
) -> FileEntry:
    inside = "/" + path.relative_to(folder).as_posix()
    if path.is_symlink():
        return FileEntry(inside, b"", roots(0o777), link_to=str(path.readlink()))
    executable = bool(path.stat().st_mode & 0o100)
    if inside.endswith(".j2"):
        inside = inside[: -len(".j2")]
        content = _render(path, variables)
    else:
        content = path.read_bytes()
    return FileEntry(inside, content, exceptions.get(inside, roots(0o755 if executable else 0o644)))


def _render(path: Path, variables: Mapping[str, object]) -> bytes:
    try:
        return templates.render(path.read_text(encoding="utf-8"), variables).encode()
    except UnicodeDecodeError as error:
        raise UserError("not UTF-8 text", where=str(path)) from error
    except templates.TemplateError as error:
        raise UserError(
            error.message,
            where=f"{path}:{error.line}",
            hint="declare variables under variables: in provisioner.yaml",
        ) from error


def _tar_info(entry: FileEntry) -> tarfile.TarInfo:
    info = tarfile.TarInfo(entry.path.lstrip("/"))
    info.mode = entry.ownership.mode
    info.uname, info.gname = entry.ownership.owner, entry.ownership.group
    if entry.link_to is not None:
        info.type, info.linkname = tarfile.SYMTYPE, entry.link_to
    else:
        info.size = len(entry.content)
    return info
