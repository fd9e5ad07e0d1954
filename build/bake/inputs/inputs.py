"""What an image is made of, in a form that fits into its tags, and what has changed since.

A record stays on the machine that built; tags go wherever the image is seen, so a runner without any state
can compare:

    hubsmith:fingerprint   everything from the base image to the last provisioner, in one digest
                           (fingerprint.py)
    hubsmith:provisioners  name=digest of each provisioner's own content, in order
    hubsmith:settings      name=digest of what else of the manifest, and of Hubsmith itself, gets into the
                           image
    hubsmith:version       Hubsmith's version
    hubsmith:scheme        in which way these digests are made (fingerprint.SCHEME)
    hubsmith:parts         8 characters for each file and variable of the provisioners, and each thing that
                           Hubsmith itself sends (builder_version.py): 3 bytes of its name's digest, 3 of
                           its content's

The fingerprint decides whether anything changed; the others only serve to say what. EC2 allows 256 characters
in a tag, so long ones go on in hubsmith:parts:2 and so on; where even that is too short, the parts are left
out and changes are named by provisioner.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from build.aws import tags
from build.bake.inputs import builder_version, fingerprint, tag_values
from build.bake.inputs.fingerprint import Fingerprint
from build.bake.inputs.tag_values import TAG_LIMIT
from build.manifest import Manifest

PARTS_TAGS, PROVISIONERS_TAGS = 8, 2
_DIGITS = 8
ON_THE_BUILDER = ("hubsmith.builder", "base.login_user")
"""The settings that decide, beside provisioners and base image, what is on a builder: part of a layer's
key.
"""
_HUBSMITH = ("hubsmith", "hubsmith.builder")
COUNTED_DIFFERENTLY = (
    "this version of Hubsmith counts what an image is made of in a different way: each image is rebuilt once"
)
"""Said of an image whose digests cannot be compared with those of now."""


@dataclass(frozen=True)
class Inputs:
    """What a build would be made of; or what an image's tags tell of it (short digests, unnamed parts)."""

    base_id: str
    base_name: str
    fingerprints: tuple[Fingerprint, ...]
    settings: Mapping[str, str]
    parts: Mapping[str, str]

    @property
    def fingerprint(self) -> str:
        """Of the whole chain."""
        return self.fingerprints[-1].digest if self.fingerprints else ""

    def tags(self) -> dict[str, str]:
        """As tags of an image; what does not fit is left out."""
        provisioners = [f"{mark.provisioner}={mark.content[:_DIGITS]}" for mark in self.fingerprints]
        return {
            tags.BASE: f"{self.base_id} {self.base_name}"[:TAG_LIMIT],
            tags.FINGERPRINT: self.fingerprint,
            tags.VERSION: builder_version.current_version(),
            tags.SCHEME: str(fingerprint.SCHEME),
            tags.SETTINGS: " ".join(f"{name}={digest[:_DIGITS]}" for name, digest in self.settings.items()),
            **tag_values.spread(tags.PROVISIONERS, provisioners, " ", PROVISIONERS_TAGS),
            **tag_values.spread(
                tags.PARTS,
                [tag_values.packed(name, digest) for name, digest in sorted(self.parts.items())],
                "",
                PARTS_TAGS,
            ),
        }


def of(manifest: Manifest, base_id: str, base_name: str, login_user: str = "") -> Inputs:
    """What a build of ``manifest`` on this base image would be made of.

    Raises OSError for an unreadable file, UserError for a template.

    ``login_user`` is the one that the base image itself names, if it does: provisioners get it, and so does
    sshd's configuration.
    """
    parts = {
        f"provisioners/{use.name}/{name}": digest
        for use in manifest.provisioners
        for name, digest in fingerprint.parts(use).items()
    }
    builder, after = builder_version.on_the_builder(), builder_version.after_it()
    image, root = manifest.image, manifest.builder.root_volume
    settings = {
        "image.description": fingerprint.digest(image.description),
        "image.tags": fingerprint.digest({**image.tags, **manifest.publish.tags}),
        "builder.root_volume": fingerprint.digest(root.model_dump(mode="json")),
        "base.login_user": fingerprint.digest(login_user or manifest.base.login_user),
        "hubsmith": fingerprint.digest(builder_version.current_version(), after),
        "hubsmith.builder": fingerprint.digest(builder),
    }
    return Inputs(
        base_id,
        base_name,
        fingerprint.chain(base_id, manifest.provisioners),
        settings,
        {**parts, **builder, **after},
    )


def diff_tags(now: Inputs, marks: Mapping[str, str], gone: Mapping[str, str] | None = None) -> list[str]:
    """What is not as the tags of an image say, a line each; empty when a build would be made of the same.

    ``gone`` may hold more names and digests of parts (from a record or from git): a digest in a tag does not
    tell the name of a file that is not there any more.
    """
    if not is_comparable(marks):
        return [*_base(now, marks), COUNTED_DIFFERENTLY]
    found = [
        *_base(now, marks),
        *_changed_settings(now, marks, gone or {}),
        *_provisioners(now, marks, gone or {}),
    ]
    if not found and marks.get(tags.FINGERPRINT, "") != now.fingerprint:
        found.append("the provisioners changed; the image's tags do not say what")
    return found


def is_comparable(marks: Mapping[str, str]) -> bool:
    """Whether the tags of an image hold digests of this version's scheme. The first one was not noted."""
    return marks.get(tags.SCHEME) == str(fingerprint.SCHEME)


def _base(now: Inputs, marks: Mapping[str, str]) -> Iterator[str]:
    base_id, _, name = marks.get(tags.BASE, "").partition(" ")
    if base_id != now.base_id:
        yield f"base image {base_id or 'unknown'} ({name or 'unknown'}) → {now.base_id} ({now.base_name})"


def _changed_settings(now: Inputs, marks: Mapping[str, str], gone: Mapping[str, str]) -> Iterator[str]:
    """Nothing of what an image of an earlier version has not noted."""
    before = tag_values.pairs(marks.get(tags.SETTINGS, ""))
    changed = [
        name for name, digest in now.settings.items() if name in before and before[name] != digest[:_DIGITS]
    ]
    yield from (f"{name} changed" for name in changed if name not in _HUBSMITH)
    if any(name in _HUBSMITH for name in changed):
        yield from list(_hubsmith(now, marks, gone)) or ["what Hubsmith itself sends to the builder changed"]


def _hubsmith(now: Inputs, marks: Mapping[str, str], gone: Mapping[str, str]) -> Iterator[str]:
    before, current = marks.get(tags.VERSION, "unknown"), builder_version.current_version()
    if before != current:
        yield f"Hubsmith {before} → {current}"
    yield from _parts("", now, marks, gone)


def _provisioners(now: Inputs, marks: Mapping[str, str], gone: Mapping[str, str]) -> Iterator[str]:
    if tags.PROVISIONERS not in marks:
        return
    before = tag_values.pairs(tag_values.joined(tags.PROVISIONERS, marks, " "))
    current = {mark.provisioner: mark.content[:_DIGITS] for mark in now.fingerprints}
    yield from (f"provisioner {name} is new" for name in current if name not in before)
    yield from (f"provisioner {name} is used no more" for name in before if name not in current)
    common = [name for name in current if name in before]
    if common != [name for name in before if name in current]:
        yield f"provisioners are in another order: {' '.join(current)}"
    changed = [name for name in common if current[name] != before[name]]
    for name in changed:
        details = list(_parts(f"provisioners/{name}/", now, marks, gone))
        yield from details or [f"provisioner {name} changed"]
    known = set(tag_values.unpacked(tags.PARTS, marks)) - {
        tag_values.packed(name, "")[:4] for name in (*now.parts, *gone)
    }
    if known and changed and set(before) <= set(current):
        yield f"{len(known)} part(s) of {', '.join(changed)} are gone"


def _parts(start: str, now: Inputs, marks: Mapping[str, str], gone: Mapping[str, str]) -> Iterator[str]:
    """The files and variables that differ: of the provisioner with this prefix, or ("") of Hubsmith."""
    before = tag_values.unpacked(tags.PARTS, marks)
    if not before:
        return
    for name in sorted({*now.parts, *gone}):
        if not (name.startswith(start) if start else builder_version.describe_part(name)):
            continue
        was = before.get(tag_values.packed(name, "")[:4])
        if name not in now.parts:
            if was is not None:
                yield f"{_spoken(name)} is gone"
        elif was is None:
            yield f"{_spoken(name)} is new"
        elif was != tag_values.packed(name, now.parts[name])[4:]:
            yield f"{_spoken(name)} changed"


def _spoken(part: str) -> str:
    """A file by its path, a variable by its name, the lock by whose packages it pins."""
    if words := builder_version.describe_part(part):
        return words
    _, provisioner, inside = part.split("/", 2)
    if inside.startswith(fingerprint.LOCKED):
        return f"lock of {provisioner}'s {inside.removeprefix(fingerprint.LOCKED)} packages"
    variable = inside.removeprefix(fingerprint.VARIABLE)
    return part if variable == inside else f"variable {variable} of {provisioner}"
