"""Settings of the documentation site: `make docs` builds it into docs/_build.

Sphinx reads the names below: https://www.sphinx-doc.org/en/master/usage/configuration.html
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DOCS = Path(__file__).resolve().parent
_LINK = re.compile(r"\[([^\]\n]+)\]\((\.\./[^)#\s]+)(#[^)\s]*)?\)")

project = "Hubsmith"
html_title = "Hubsmith"
html_theme = "furo"
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
html_copy_source = False
html_show_copyright = False
myst_heading_anchors = 4


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _link_the_repository)


def _link_the_repository(_: Sphinx, page: str, source: list[str]) -> None:
    """A git host shows files beside docs/ where relative links lead.

    The site has no such files: it gets a copy of each that is linked.
    """
    folder = (DOCS / page).parent

    def rewritten(found: re.Match[str]) -> str:
        text, target = found[1], Path(os.path.normpath(folder / found[2]))
        if target.is_relative_to(DOCS):
            return found[0]
        return f"[{text}](path:{found[2]})" if target.is_file() else text

    source[0] = _LINK.sub(rewritten, source[0])
