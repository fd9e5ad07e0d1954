"""JupyterHub settings in conf.d of a provisioner that the hub would refuse at its start: told by `check`.

Which these are is plain data in the image's own program, read here and not run.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path("etc/jupyterhub/conf.d")
RULES = Path("jupyterhub/files/usr/lib/hubsmith/hub/hubsmith_hub/site_rules.py")
"""Below the folder of the provisioners."""


def problems(text: str, provisioners: Path) -> Iterator[tuple[int, str]]:
    """(line, what is wrong) of each assignment that the hub refuses; nothing for what is not valid Python."""
    refused = _refused(provisioners / RULES)
    try:
        statements = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError):
        return
    for statement in statements:
        targets = (
            statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        )
        for target in targets:
            if isinstance(target, ast.Attribute) and (why := refused.get(setting := ast.unparse(target))):
                yield target.lineno, f"{setting} is not a site's to set: {why}"


@functools.cache
def _refused(rules: Path) -> dict[str, str]:
    """{c.CLASS.NAME: why}; empty where there is no such program."""
    try:
        tree = ast.parse(rules.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return {}
    data = {
        statement.targets[0].id: ast.literal_eval(statement.value)
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.targets[0], ast.Name)
        and statement.targets[0].id in ("FIXED", "CHAINS")
    }
    return {
        f"c.{section}.{name}": why
        for top, names, why in data.get("FIXED", ())
        for chain in data.get("CHAINS", ())
        if top in chain
        for section in chain
        for name in names.split()
    }
