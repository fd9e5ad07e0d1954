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

    @classmethod
    def from_manifest(cls, manifest: Manifest, base_id: str, base_name: str, login_user: str = "") -> Inputs:
        """What a build of ``manifest`` on this base image would be made of.

        Raises OSError for an unreadable file, UserError for a template.

        ``login_user`` is the one that the base image itself names, if it does: provisioners get it, and so
        does sshd's configuration.
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
        return cls(
            base_id,
            base_name,
            fingerprint.chain(base_id, manifest.provisioners),
            settings,
            {**parts, **builder, **after},
        )

    @property
    def fingerprint(self) -> str:
        """Of the whole chain."""
        return self.fingerprints[-1].digest if self.fingerprints else ""

    def tags(self) -> dict[str, str]:
        """As tags of an image; what does not fit is left out."""
        provisioners = [f"{entry.provisioner}={entry.content[:_DIGITS]}" for entry in self.fingerprints]
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


def diff_tags(now: Inputs, image_tags: Mapping[str, str], gone: Mapping[str, str] | None = None) -> list[str]:
    """What is not as the tags of an image say, a line each; empty when a build would be made of the same.

    ``gone`` may hold more names and digests of parts (from a record or from git): a digest in a tag does not
    tell the name of a file that is not there any more.
    """
    if not is_comparable(image_tags):
        return [*_base(now, image_tags), COUNTED_DIFFERENTLY]
    changes = [
        *_base(now, image_tags),
        *_changed_settings(now, image_tags, gone or {}),
        *_provisioners(now, image_tags, gone or {}),
    ]
    if not changes and image_tags.get(tags.FINGERPRINT, "") != now.fingerprint:
        changes.append("the provisioners changed; the image's tags do not say what")
    return changes


def is_comparable(image_tags: Mapping[str, str]) -> bool:
    """Whether the tags of an image hold digests of this version's scheme. The first one was not noted."""
    return image_tags.get(tags.SCHEME) == str(fingerprint.SCHEME)


def _base(now: Inputs, image_tags: Mapping[str, str]) -> Iterator[str]:
    base_id, _, name = image_tags.get(tags.BASE, "").partition(" ")
    if base_id != now.base_id:
        yield f"base image {base_id or 'unknown'} ({name or 'unknown'}) → {now.base_id} ({now.base_name})"


def _changed_settings(now: Inputs, image_tags: Mapping[str, str], gone: Mapping[str, str]) -> Iterator[str]:
    """Nothing of what an image of an earlier version has not noted."""
    before = tag_values.pairs(image_tags.get(tags.SETTINGS, ""))
    changed = [
        name for name, digest in now.settings.items() if name in before and before[name] != digest[:_DIGITS]
    ]
    yield from (f"{name} changed" for name in changed if name not in _HUBSMITH)
    if any(name in _HUBSMITH for name in changed):
        yield from list(_hubsmith(now, image_tags, gone)) or [
            "what Hubsmith itself sends to the builder changed"
        ]


def _hubsmith(now: Inputs, image_tags: Mapping[str, str], gone: Mapping[str, str]) -> Iterator[str]:
    before, current = image_tags.get(tags.VERSION, "unknown"), builder_version.current_version()
    if before != current:
        yield f"Hubsmith {before} → {current}"
    yield from _parts("", now, image_tags, gone)


def _provisioners(now: Inputs, image_tags: Mapping[str, str], gone: Mapping[str, str]) -> Iterator[str]:
    if tags.PROVISIONERS not in image_tags:
        return
    before = tag_values.pairs(tag_values.joined(tags.PROVISIONERS, image_tags, " "))
    current = {entry.provisioner: entry.content[:_DIGITS] for entry in now.fingerprints}
    yield from (f"provisioner {name} is new" for name in current if name not in before)
    yield from (f"provisioner {name} is no longer used" for name in before if name not in current)
    common = [name for name in current if name in before]
    if common != [name for name in before if name in current]:
        yield f"provisioners are in another order: {' '.join(current)}"
    changed = [name for name in common if current[name] != before[name]]
    for name in changed:
        details = list(_parts(f"provisioners/{name}/", now, image_tags, gone))
        yield from details or [f"provisioner {name} changed"]
    known = set(tag_values.unpacked(tags.PARTS, image_tags)) - {
        tag_values.packed(name, "")[:4] for name in (*now.parts, *gone)
    }
    if known and changed and set(before) <= set(current):
        yield f"{len(known)} part(s) of {', '.join(changed)} are gone"


def _parts(start: str, now: Inputs, image_tags: Mapping[str, str], gone: Mapping[str, str]) -> Iterator[str]:
    """The files and variables that differ: of the provisioner with this prefix, or ("") of Hubsmith."""
    before = tag_values.unpacked(tags.PARTS, image_tags)
    if not before:
        return
    for name in sorted({*now.parts, *gone}):
        if not (name.startswith(start) if start else builder_version.describe_part(name)):
            continue
        was = before.get(tag_values.packed(name, "")[:4])
        if name not in now.parts:
            if was is not None:
                yield f"{_describe(name)} is gone"
        elif was is None:
            yield f"{_describe(name)} is new"
        elif was != tag_values.packed(name, now.parts[name])[4:]:
            yield f"{_describe(name)} changed"


def _describe(part: str) -> str:
    """A file by its path, a variable by its name, the lock by which packages it pins, and where."""
    if words := builder_version.describe_part(part):
        return words
    _, provisioner, inside = part.split("/", 2)
    if inside.startswith(fingerprint.LOCKED):
        *environment, manager = inside.removeprefix(fingerprint.LOCKED).split("/")
        where = f" in the environment {environment[1]}" if environment else ""
        return f"lock of {provisioner}'s {manager} packages{where}"
    variable = inside.removeprefix(fingerprint.VARIABLE)
    return part if variable == inside else f"variable {variable} of {provisioner}"
