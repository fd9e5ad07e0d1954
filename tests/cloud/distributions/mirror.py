"""A site's mirror: the installer stand-in, or a real one, and a conda channel; HTTP with ranges, as mirrors
have it.

The channel has two programs, and a wheel as conda packages are made of one: built for a Python, which they
need.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from pathlib import Path

import rattler
import six
from rattler.index import index_fs

from tests.web import answering

STANDIN = Path(__file__).parent / "standin"
REAL = os.environ.get("HUBSMITH_REAL_INSTALLER")
"""A real installer file to run the same tests with."""
WHEEL = "packaging"
"""What JupyterLab needs too, so that pip would bring it if conda did not."""
WANTED = () if REAL else (WHEEL,)
"""A real conda has a Python of its own, which is not the channel's."""
PYTHONS = ("3.11.2", "3.13.5")  # of Debian 12, the oldest system of the tests, and 13


@dataclass
class Mirror:
    """Its address, its files by path, what was asked of it, and the paths that break off the first time."""

    url: str
    files: dict[str, bytes]
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    breaks_off: set[str] = field(default_factory=set)

    def sha256(self, path: str) -> str:
        return hashlib.sha256(self.files[path]).hexdigest()


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Mirror]:
    """A mirror on loopback."""
    mirror = Mirror("", files)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            mirror.asked.append((self.path, asked))
            content = mirror.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            start = int(re.findall(r"\d+", asked)[0]) if asked else 0
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(content) - start))
            if asked:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.end_headers()
            end = len(content)
            if self.path in mirror.breaks_off:
                mirror.breaks_off.discard(self.path)
                end = start + (end - start) // 2
            self.wfile.write(content[start:end])

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with answering(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        mirror.url = f"http://127.0.0.1:{server.server_port}"
        yield mirror


def installer() -> bytes:
    """The real one given by HUBSMITH_REAL_INSTALLER, else the stand-in."""
    if REAL:
        return Path(REAL).read_bytes()
    payload = io.BytesIO()
    with tarfile.open(fileobj=payload, mode="w") as archive:
        _add(archive, "bin/conda", (STANDIN / "conda.py").read_bytes(), 0o755)
        _add(archive, "etc/profile.d/conda.sh", (STANDIN / "conda.sh").read_bytes())
        _add(archive, "six.py", Path(six.__file__).read_bytes())
        _add(archive, "six-1.16.0.dist-info/METADATA", b"Metadata-Version: 2.1\nName: six\nVersion: 1.16.0\n")
        # Without it pip and uv could not replace six, and its old version would be found beside a new one.
        _add(
            archive,
            "six-1.16.0.dist-info/RECORD",
            b"six.py,,\nsix-1.16.0.dist-info/METADATA,,\nsix-1.16.0.dist-info/RECORD,,\n",
        )
        _add(
            archive,
            "odd-1.0.dist-info/METADATA",
            b"Metadata-Version: 2.1\nName: odd\nVersion: 1.0\nRequires-Dist: not-there\n",
        )
        archive.add(
            Path(rattler.__file__).parent,
            "standin/rattler",
            filter=lambda info: None if "__pycache__" in info.name else info,
        )
    digest = hashlib.sha256(payload.getvalue()).hexdigest()
    return (STANDIN / "install.sh").read_bytes().replace(b"@SHA256@", digest.encode()) + payload.getvalue()


def channel(folder: Path) -> dict[str, bytes]:
    """conda-forge as the mirror has it: greeting 1.0 and 2.0, farewell, and a wheel for each Python."""
    for subdir in ("noarch", "linux-64"):
        (folder / subdir).mkdir(parents=True)
    for name, version in (("greeting", "1.0"), ("greeting", "2.0"), ("farewell", "1.0")):
        _package(
            folder / "noarch",
            name,
            version,
            "0",
            {f"bin/{name}": f"#!/bin/sh\necho {name} {version}\n".encode()},
        )
    for python in PYTHONS:
        if not REAL:
            _package(folder / "linux-64", "python", python, "0", {})  # the stand-in's is its system's
        major, minor, _ = python.split(".")
        needs = f"python >={major}.{minor},<{major}.{int(minor) + 1}.0a0"
        build, where = f"py{major}{minor}_0", f"lib/python{major}.{minor}/site-packages"
        _package(
            folder / "linux-64", WHEEL, distribution(WHEEL).version, build, _unpacked_wheel(where), needs
        )
    asyncio.run(index_fs(folder, write_zst=False, write_shards=False))
    return {
        f"/conda/conda-forge/{path.relative_to(folder)}": path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _unpacked_wheel(where: str) -> dict[str, bytes]:
    """Its files in that folder, saying that conda has brought them."""
    found = distribution(WHEEL)
    files = {
        str(file): Path(str(found.locate_file(file))).read_bytes()
        for file in found.files or ()
        if file.suffix != ".pyc"
    }
    return {
        f"{where}/{path}": b"conda\n" if path.endswith("/INSTALLER") else content
        for path, content in files.items()
    }


def _package(folder: Path, name: str, version: str, build: str, files: dict[str, bytes], *needs: str) -> None:
    index = {
        "name": name,
        "version": version,
        "build": build,
        "build_number": 0,
        "depends": needs,
        "subdir": folder.name,
        "license": "BSD-3-Clause",
    }
    paths = {"paths_version": 1, "paths": [_path(path, content) for path, content in files.items()]}
    with tarfile.open(folder / f"{name}-{version}-{build}.tar.bz2", "w:bz2") as archive:
        _add(archive, "info/index.json", json.dumps(index).encode())
        _add(archive, "info/paths.json", json.dumps(paths).encode())
        _add(archive, "info/files", "".join(f"{path}\n" for path in files).encode())
        for path, content in files.items():
            _add(archive, path, content, 0o755 if path.startswith("bin/") else 0o644)


def _path(path: str, content: bytes) -> dict[str, object]:
    return {
        "_path": path,
        "path_type": "hardlink",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_in_bytes": len(content),
    }


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), mode
    archive.addfile(info, io.BytesIO(content))
