"""What differs between an image and a build now: by the tags' digests, named by the record or git."""

from __future__ import annotations

import json
from typing import Any

from build.aws import tags
from build.bake.inputs import inputs
from build.bake.inputs.git import files_at
from build.bake.inputs.inputs import Inputs
from build.bake.plan import Published
from build.bake.steps.record import path_of
from build.manifest import Manifest, template_variables


def changes(manifest: Manifest, now: Inputs, published: Published) -> list[str]:
    """A line for each thing that changed since ``published`` was built; empty when nothing has."""
    record = _record(published.image_id)
    gone = record.get("parts") or _names_from_git(manifest, published.marks.get(tags.GIT, ""))
    return [_with_values(line, manifest, record) for line in inputs.diff_tags(now, published.marks, gone)]


def _record(image_id: str) -> dict[str, Any]:
    """The image's record, if it was built on this machine."""
    try:
        found: dict[str, Any] = json.loads(path_of(image_id).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def _names_from_git(manifest: Manifest, revision: str) -> dict[str, str]:
    """Names of what provisioners had in the image's commit; only what is gone has to be named from there."""
    commit = revision.removesuffix("-dirty")
    return (
        {name: "" for name in files_at(manifest.folder, commit) if name.startswith("provisioners/")}
        if commit
        else {}
    )


def _with_values(line: str, manifest: Manifest, record: dict[str, Any]) -> str:
    """A variable's old and new value behind a line that names one."""
    for use in manifest.provisioners:
        before: dict[str, Any] = next(
            (one["values"] for one in record.get("provisioners", []) if one["name"] == use.name), {}
        )
        for name, value in template_variables(use).items():
            if line == f"variable {name} of {use.name} changed" and name in before:
                return f"{line}: {_word(before[name])} → {_word(value)}"
    return line


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
