"""A package index of wheels made here, on loopback: what pip and uv speak to."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.http_server import answering


@dataclass
class Index:
    """Its address (ending in /simple) and its files by name."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)

    def add(self, name: str, version: str, *needs: str) -> None:
        """A release of a package that needs others."""
        self.files[f"{name}-{version}-py3-none-any.whl"] = wheel(name, version, needs)

    def sha256(self, name: str, version: str) -> str:
        return hashlib.sha256(self.files[f"{name}-{version}-py3-none-any.whl"]).hexdigest()

    def answer(self, path: str) -> tuple[str, bytes] | None:
        """Type and content of a page of the index or a file."""
        kind, _, name = path.strip("/").partition("/")
        if kind == "files" and name in self.files:
            return "application/octet-stream", self.files[name]
        links = [
            f'<a href="/files/{file}#sha256={hashlib.sha256(content).hexdigest()}">{file}</a>'
            for file, content in self.files.items()
            if kind == "simple" and file.split("-")[0].replace("_", "-") == name
        ]
        return (
            ("text/html", "\n".join(["<!DOCTYPE html><html><body>", *links, "</body></html>"]).encode())
            if links
            else None
        )


@contextmanager
def serving(*, keep_files: bool = False) -> Iterator[Index]:
    """An empty index. Clients may keep its files in their caches, as those of PyPI, if that is said."""
    index = Index()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = index.answer(self.path)
            if found is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", found[0])
            self.send_header("Content-Length", str(len(found[1])))
            is_kept = keep_files and self.path.startswith("/files/")
            self.send_header("Cache-Control", "max-age=3600, immutable" if is_kept else "no-store")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(found[1])

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with answering(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        index.url = f"http://127.0.0.1:{server.server_port}/simple"
        yield index


def wheel(name: str, version: str, needs: tuple[str, ...]) -> bytes:
    """One module with its version in it, for any machine."""
    info = f"{name}-{version}.dist-info"
    metadata = "".join(
        [
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            *(f"Requires-Dist: {need}\n" for need in needs),
        ]
    )
    files = {
        f"{name}.py": f"version = {version!r}\n",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return content.getvalue()
