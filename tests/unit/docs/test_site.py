"""The documentation as a site: it builds without a warning, and its pages load nothing from other hosts."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.conftest import REPO

# made by `make docs`; of its own, for docs/requirements.in says why
PYTHON = Path(sys.executable).parent.parent / "docs/bin/python"
LOADING = {"src", "srcset", "data", "poster"}
LINKS = {
    "stylesheet",
    "icon",
    "preload",
    "prefetch",
    "modulepreload",
    "manifest",
    "preconnect",
    "dns-prefetch",
}


def build(source: Path, site: Path) -> subprocess.CompletedProcess[str]:
    assert PYTHON.exists(), "run `make docs` once: it makes the environment of the documentation"
    command = [
        str(PYTHON),
        "-m",
        "sphinx",
        "--fail-on-warning",
        "--nitpicky",
        "--keep-going",
        "--quiet",
        "-d",
        str(site.parent / "trees"),
        str(source),
        str(site),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("docs") / "site"
    done = build(REPO / "docs", made)
    assert (done.returncode, done.stderr) == (0, "")
    return made


class Loaded(HTMLParser):
    """What a browser fetches by itself when it shows a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.found += [value for name, value in given.items() if name in LOADING]
        if tag == "link" and LINKS & set(given.get("rel", "").split()):
            self.found.append(given.get("href", ""))


def test_every_page_is_there(site: Path) -> None:
    pages = [
        path.relative_to(REPO / "docs")
        for path in (REPO / "docs").rglob("*.md")
        if "_build" not in path.parts
    ]
    assert len(pages) > 30
    assert [page for page in pages if not (site / page.with_suffix(".html")).exists()] == []


def test_nothing_is_loaded_from_other_hosts(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = Loaded()
        loaded.feed(page.read_text(encoding="utf-8"))
        assert loaded.found, page
        assert [address for address in loaded.found if re.match(r"(https?:)?//", address)] == [], page
    for sheet in site.rglob("*.css"):
        assert (
            re.findall(
                r"url\([\"']?(?:https?:)?//[^)]*\)|@import\s+[^;]*//[^;]*", sheet.read_text(encoding="utf-8")
            )
            == []
        ), sheet


def test_files_of_the_repository_are_copied_and_folders_are_no_links(site: Path) -> None:
    page = (site / "explanation/architecture.html").read_text(encoding="utf-8")
    assert re.search(r'href="../_downloads/\w+/recipe.py"', page)
    assert "path:" not in page


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# A\n\n[x](nowhere.md)\n", "nowhere.md"),
        ("# A\n\n[x](#nowhere)\n", "nowhere"),
        ("# A\n\n```{toctree}\nnowhere\n```\n", "nowhere"),
    ],
)
def test_a_broken_link_is_an_error(tmp_path: Path, text: str, words: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "conf.py").write_text((REPO / "docs/conf.py").read_text(encoding="utf-8"), encoding="utf-8")
    (source / "index.md").write_text(text, encoding="utf-8")
    done = build(source, tmp_path / "site")
    assert done.returncode != 0
    assert words in done.stderr
