"""The record of an image: everything one may want to know later, as one JSON document beside it."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from build import paths
from build.bake.inputs import builder_version, fingerprint
from build.bake.inputs.git import git_revision
from build.bake.state import Bake
from build.manifest import template_variables
from build.pipeline import Step

SCHEMA = 1
_LICENCE = "licence "


class WriteRecord(Step[Bake]):
    """Write the record to the state folder.

    Needs: everything the bake produced.
    """

    title = "write the record"
    makes_product = True

    def run(self, state: Bake) -> None:
        """Raises OSError when the disk is full."""
        path = path_of(state.image_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        temporary.write_text(
            json.dumps(record_of(state), indent=2, sort_keys=True, default=str) + "\n", encoding="utf-8"
        )
        temporary.replace(path)
        state.report.note(f"record {path}")

    def cleanup(self, state: Bake) -> None:
        """A record without its image would mislead."""
        if hasattr(state, "image_id") and not state.is_published:
            path_of(state.image_id).unlink(missing_ok=True)


def path_of(image_id: str) -> Path:
    """Where the record of an image is."""
    return paths.state_dir() / "records" / f"{image_id}.json"


def record_of(state: Bake) -> dict[str, Any]:
    """The document; ``schema`` counts up when a key changes its meaning."""
    return {
        "schema": SCHEMA,
        "image_id": state.image_id,
        "image_name": state.image_name,
        "hubsmith": builder_version.current_version(),
        "scheme": fingerprint.SCHEME,
        "snapshot_ids": state.snapshot_ids,
        "copies": {copy.region: copy.image_id for copy in state.copies},
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cloud": {
            "name": state.clients.cloud.name,
            "account": state.clients.account,
            "region": state.clients.cloud.region,
        },
        "run": {
            "id": state.run.id,
            "owner": state.run.owner,
            "started": state.run.started.isoformat(timespec="seconds"),
        },
        "base": asdict(state.base),
        "layer": asdict(state.layer) if state.layer else None,
        "since": state.since,
        "manifest": state.manifest.path.read_text(encoding="utf-8"),
        "git": git_revision(state.manifest.folder),
        "provisioners": _provisioners(state),
        "parts": state.inputs.parts,
        "unlocked": list(state.manifest.unlocked),
        "launch_permissions": state.manifest.publish.launch_permissions.model_dump(mode="json"),
        **_contents(state),
        "tests": [asdict(test) for test in state.tests],
        "seconds": [asdict(timing) for timing in state.report.timings],
    }


def _provisioners(state: Bake) -> list[dict[str, Any]]:
    return [
        {
            "name": use.name,
            "values": template_variables(use),
            "fingerprint": entry.digest,
            "content": entry.content,
        }
        for use, entry in zip(state.manifest.provisioners, state.inputs.fingerprints, strict=True)
    ]


def _contents(state: Bake) -> dict[str, Any]:
    """What is on the image's disk: packages, their licences, and how many bytes are where."""
    return {
        "packages": {
            where: found
            for where, found in state.packages.items()
            if where != "bytes" and not where.startswith(_LICENCE)
        },
        "licences": {
            where.removeprefix(_LICENCE): found
            for where, found in state.packages.items()
            if where.startswith(_LICENCE)
        },
        "bytes": {folder: int(size) for folder, size in state.packages.get("bytes", {}).items()},
    }
