"""The pages of the documentation, and what stands in them: commands, targets of make, links, headings."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import REPO

BUILT = REPO / "docs/_build"
PAGES = [
    *(
        REPO / name
        for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "localcloud/README.md")
    ),
    *sorted(path for path in (REPO / "docs").rglob("*.md") if BUILT not in path.parents),
]
# A line of code: indented by four or more, or in a fence; variables before the command, and eval around it.
_ON_A_LINE = re.compile(
    r"^ *(?:[A-Z_]+=\S+ )*(?:eval \"\$\()?(?:\.venv/bin/)?invoke ([^#\n]*?)(?:\)\")?(?: {2,}.*| #.*)?$",
    re.MULTILINE,
)
_IN_TEXT = re.compile(r"`(?:[A-Z_]+=\S+ )*invoke ([^`]*)`")
_NOT_A_COMMAND = ("--list", "COMMAND")


def name_of(page: Path) -> str:
    """As it stands in the repository."""
    return page.relative_to(REPO).as_posix()


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def commands(page: Path) -> list[str]:
    """Every `invoke …` of a page, in its text and on lines of their own, without comments."""
    text = text_of(page)
    code = "\n".join(
        [
            *re.findall(r"^ {4,}(.*)$", text, re.MULTILINE),
            *re.findall(r"^ *```\w*\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL),
        ]
    )
    found = [*_ON_A_LINE.findall(code), *_IN_TEXT.findall(text)]
    return sorted({line.strip() for line in found if not line.startswith(_NOT_A_COMMAND)})


def targets(page: Path) -> set[str]:
    """Every `make …` of a page."""
    return set(re.findall(r"(?:^ {4,}|`)make ([a-z][a-z-]+)", text_of(page), re.MULTILINE))


def links(page: Path) -> list[str]:
    """Targets of links and pictures that lead into the repository."""
    return re.findall(r"\]\((?!https?:)([^)\s]+)\)", text_of(page))


def anchors(page: Path) -> set[str]:
    """Of its headings, as git hosts make them: a repeated one gets a number."""
    found: list[str] = []
    for heading in re.findall(
        r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    ):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w -]", "", plain.lower()).replace(" ", "-")
        earlier = found.count(slug)
        found.append(slug)
        if earlier:
            found.append(f"{slug}-{earlier}")
    return set(found)
