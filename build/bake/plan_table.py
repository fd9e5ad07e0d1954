"""A plan as a person reads it: what happens, in its order.

Digests nobody reads are named only; the plan's document has them all.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence

from build.aws import tags
from build.bake.plan import Plan

SHORT = 12
"""Hex digits of a digest a person gets to see."""
_REST_OF_DIGEST = re.compile(rf"(?<=\b[0-9a-f]{{{SHORT}}})[0-9a-f]{{{64 - SHORT}}}\b")
_DIGESTS = (tags.FINGERPRINT, tags.SETTINGS, tags.PROVISIONERS, tags.PARTS)


def rows(planned: Plan) -> list[tuple[str, str]]:
    """A table of two columns."""
    return [*_from_what(planned), *_provisioners(planned), *_afterwards(planned)]


def _from_what(planned: Plan) -> Iterator[tuple[str, str]]:
    yield "cloud", planned.cloud.removeprefix("cloud ")
    yield (
        "manifest",
        f"{planned.manifest}" + (f" with profile {', '.join(planned.profiles)}" if planned.profiles else ""),
    )
    yield "image", planned.image_name
    if planned.reason:
        yield "why", planned.reason
    if planned.not_reproducible:
        yield "packages", planned.not_reproducible
    yield "base image", f"{planned.base['id']} ({planned.base['name']}): {planned.base_reason}"
    yield "start from", planned.start
    yield "builder", _words(planned.builder)
    yield "network", _words(planned.network)


def _provisioners(planned: Plan) -> Iterator[tuple[str, str]]:
    for step in planned.provisioners:
        yield f"provision {step.name}", f"{step.fingerprint[:SHORT]}  {step.summary}"
        for name, value in step.values.items():
            yield "", f"{name} = {_REST_OF_DIGEST.sub('…', _word(value))}"
        if step.layer:
            yield "", f"layer: {step.layer}"


def _afterwards(planned: Plan) -> Iterator[tuple[str, str]]:
    yield "tests", _listed(planned.tests) or "none: the build would stop here"
    yield "", "run on the builder, on an instance of the new image, and again after its reboot"
    digests = [name for name in planned.tags if name.startswith(_DIGESTS)]
    for name, value in planned.tags.items():
        if name not in digests:
            yield "tag", f"{name} = {value}"
    yield "tag", f"{', '.join(digests)}: `invoke rebuild` compares them; --json shows them in full"
    for action in planned.publish:
        yield "publish", action


def _listed(paths: Sequence[str]) -> str:
    """Files, with the folder that they share said once."""
    folder = posixpath.commonpath([posixpath.dirname(path) for path in paths]) if paths else ""
    return (f"{folder}: " if folder else "") + ", ".join(
        posixpath.relpath(path, folder or ".") for path in paths
    )


def _words(facts: Mapping[str, object]) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {_word(value)}" for name, value in facts.items() if value not in ({}, None)
    )


def _word(value: object) -> str:
    if isinstance(value, Mapping):
        return "(" + (", ".join(f"{name} {_word(item)}" for name, item in value.items()) or "none") + ")"
    if isinstance(value, list | tuple):
        return " ".join(map(_word, value)) or "(none)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "(none)" if value is None else str(value)
