"""The installer is looked for before anything is launched: what is certain is an error with its line, the
rest is said.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from build.bake.recipe import steps
from build.bake.state import Bake, Layer
from build.bake.steps import check_installer
from build.bake.steps.check_installer import CheckInstaller
from build.errors import ManifestError
from build.manifest import load
from tests.http_server import answering

SHIPPED = Path(__file__).parents[3] / "manifest.yaml"
ANSWERS = {
    "/Forge-1.0-x86_64.sh": 206,
    "/Forge-1.0-aarch64.sh": 404,
    "/gone.sh": 410,
    "/secret.sh": 403,
    "/busy.sh": 503,
}


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A mirror whose name is not that of a loopback address, which would be the builder's own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(ANSWERS.get(self.path, 404))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    real = socket.getaddrinfo

    def resolve(host: Any, *rest: Any, **more: Any) -> Any:
        if str(host).endswith("unknown.test"):
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return real("127.0.0.1" if host == "mirror.test" else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setenv("NO_PROXY", "mirror.test,unknown.test,127.0.0.1")
    with answering(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        yield f"http://mirror.test:{server.server_port}"


def looked(
    *urls: str, manifest: Path = SHIPPED, layer: Layer | None = None, more: tuple[str, ...] = ()
) -> list[str]:
    """What the operator is told."""
    digest = "a" * 64
    installer = f"{{version: '1.0', urls: {list(urls)}, sha256: {{x86_64: {digest}, aarch64: {digest}}}}}"
    chosen = load(
        manifest,
        cloud="local",
        overrides=["python.distribution=miniforge", f"python.installers.miniforge={installer}", *more],
    )
    told: list[str] = []
    state = SimpleNamespace(manifest=chosen, layer=layer, report=SimpleNamespace(warn=told.append))
    CheckInstaller().run(cast(Bake, state))
    return told


def test_it_comes_before_the_first_thing_that_is_made() -> None:
    state = SimpleNamespace(manifest=load(SHIPPED, cloud="local"))
    titles = [step.title for step in steps(cast(Bake, state))]
    assert titles.index("look for the installer") == titles.index("open a security group to the caller") - 1


def test_nothing_is_said_where_it_is_there(mirror: str) -> None:
    assert looked(f"{mirror}/Forge-{{version}}-{{arch}}.sh") == []


def test_where_no_address_has_it_the_line_is_told(mirror: str) -> None:
    with pytest.raises(ManifestError) as caught:
        looked(
            f"{mirror}/Forge-{{version}}-{{arch}}.sh", f"{mirror}/gone.sh", more=("base.architecture=arm64",)
        )
    (problem,) = caught.value.problems
    assert problem.key == "python.installers.miniforge.urls"
    assert "no address has the installer" in problem.message
    assert f"{mirror}/Forge-1.0-aarch64.sh: 404" in problem.message
    assert f"{mirror}/gone.sh: 410" in problem.message


def test_the_shipped_manifests_line_is_told() -> None:
    chosen = load(SHIPPED, cloud="local", overrides=["python.distribution=miniforge"])
    (problem,) = chosen.problem(("python", "installers", "miniforge", "urls"), "is not there").problems
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    assert lines[problem.line - 1][problem.column - 1 :].startswith(
        '["https://github.com/conda-forge/miniforge/'
    )


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("{mirror}/secret.sh", "403"),  # whoever asks from the builder's network may have it
        ("{mirror}/busy.sh", "503"),
        ("http://unknown.test/i.sh", "cannot be reached"),
        ("http://127.0.0.1:9/i.sh", "is the builder itself"),
        ("file:///srv/i.sh", "the base image has to"),
    ],
)
def test_what_only_the_builder_can_see_is_left_to_it(mirror: str, address: str, why: str) -> None:
    url = address.format(mirror=mirror)
    (told,) = looked(f"{mirror}/gone.sh", url)
    assert "this machine cannot see the installer, so the builder will try" in told
    assert why in told.partition(f"{url}: ")[2]


def test_an_address_that_has_nothing_is_told_although_another_has_it(mirror: str) -> None:
    (told,) = looked(f"{mirror}/gone.sh", "http://unknown.test/i.sh", f"{mirror}/Forge-1.0-x86_64.sh")
    assert told.startswith(f"python.installers.miniforge.urls: {mirror}/gone.sh: 410")
    assert told.endswith("another address has it")


def test_a_file_that_a_provisioner_brings_is_there(tmp_path: Path) -> None:
    (tmp_path / "manifest.yaml").write_bytes(SHIPPED.read_bytes())
    (tmp_path / "tests").symlink_to(SHIPPED.parent / "tests")
    for folder in (SHIPPED.parent / "provisioners").iterdir():
        (tmp_path / "provisioners").mkdir(exist_ok=True)
        (tmp_path / "provisioners" / folder.name).symlink_to(folder)
    (tmp_path / "provisioners/site/files/srv").mkdir(parents=True)
    (tmp_path / "provisioners/site/provisioner.yaml").write_text("summary: The site's own files.\n")
    (tmp_path / "provisioners/site/install.sh").write_text("true\n")
    (tmp_path / "provisioners/site/files/srv/i.sh").write_text("true\n")
    manifest = tmp_path / "manifest.yaml"
    assert looked("file:///srv/i.sh", manifest=manifest, more=("provisioners=[base, site, python]",)) == []
    (late,) = looked("file:///srv/i.sh", manifest=manifest, more=("provisioners=[base, python, site]",))
    assert "no provisioner brings it" in late


def test_nobody_looks_for_what_is_in_the_layer_or_has_no_installer(mirror: str) -> None:
    layer = Layer("snap-0", 2, "run", "2026-11-26T00:00:00+00:00")
    assert looked(f"{mirror}/gone.sh", layer=layer) == []
    assert looked(f"{mirror}/gone.sh", more=("python.distribution=venv",)) == []
    with pytest.raises(ManifestError):
        looked(f"{mirror}/gone.sh", layer=Layer("snap-0", 1, "run", "2026-11-26T00:00:00+00:00"))


def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_installer, "_READ_S", 0.2)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert check_installer.probe_url(
            f"http://127.0.0.1:{silent.getsockname()[1]}/i.sh"
        ) == check_installer.Availability(None, "no answer")
