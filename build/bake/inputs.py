"""What an image is made of, in a form that fits into its tags, and what has changed since.

A record stays on the machine that built; tags go wherever the image is seen, so a runner without any state can compare:

    hubsmith:fingerprint     everything from the base image to the last provisioner, in one digest (fingerprint.py)
    hubsmith:provisioners    name=digest of each provisioner's own content, in order
    hubsmith:settings        name=digest of what else of the manifest, and of Hubsmith itself, gets into the image
    hubsmith:version         Hubsmith's version (own.py)
    hubsmith:parts           8 characters for each file and variable of the provisioners, and each file of Hubsmith itself: 3 bytes of its
                             name's digest, 3 of its content's

The fingerprint decides whether anything changed; the others only serve to say what. EC2 allows 256 characters in a tag, so long
ones go on in hubsmith:parts:2 and so on; where even that is too short, the parts are left out and changes are named by provisioner.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from build import LAUNCH_REVISION
from build.aws import tags
from build.bake import fingerprint, own
from build.bake.fingerprint import Fingerprint
from build.manifest import Manifest

TAG_LIMIT = 256
"""Characters in the value of a tag (EC2 user guide, "Tag restrictions")."""
PARTS_TAGS, PROVISIONERS_TAGS = 8, 2
_DIGITS = 8
_NAME_BYTES = _CONTENT_BYTES = 3
_PART = 8  # characters of both in base64
ON_THE_BUILDER = ("hubsmith.builder", "base.login_user")
"""The settings that decide, beside provisioners and base image, what is on a builder: part of a layer's key."""
_OWN = ("hubsmith", "hubsmith.builder")


@dataclass(frozen=True)
class Inputs:
    """What a build would be made of, or what the tags of an image tell of it (then digests are short and parts have no names)."""

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
            tags.VERSION: own.current_version(),
            tags.LAUNCH_REVISION: str(LAUNCH_REVISION),
            tags.SETTINGS: " ".join(f"{name}={digest[:_DIGITS]}" for name, digest in self.settings.items()),
            **_spread(tags.PROVISIONERS, provisioners, " ", PROVISIONERS_TAGS),
            **_spread(tags.PARTS, [_packed(name, digest) for name, digest in sorted(self.parts.items())], "", PARTS_TAGS),
        }


def of(manifest: Manifest, base_id: str, base_name: str, login_user: str = "") -> Inputs:
    """What a build of ``manifest`` on this base image would be made of. Raises OSError for an unreadable file.

    ``login_user`` is the one that the base image itself names, if it does: provisioners get it, and so does sshd's configuration.
    """
    parts = {f"provisioners/{use.name}/{name}": digest for use in manifest.provisioners for name, digest in fingerprint.parts(use).items()}
    builder, after = own.on_the_builder(), own.after_it()
    image, root = manifest.image, manifest.builder.root_volume
    settings = {
        "image.description": fingerprint.digest(image.description),
        "image.tags": fingerprint.digest({**image.tags, **manifest.publish.tags}),
        "builder.root_volume": fingerprint.digest(root.model_dump(mode="json")),
        "base.login_user": fingerprint.digest(login_user or manifest.base.login_user),
        "hubsmith": fingerprint.digest(own.current_version(), after),
        "hubsmith.builder": fingerprint.digest(builder),
    }
    return Inputs(base_id, base_name, fingerprint.chain(base_id, manifest.provisioners), settings, {**parts, **builder, **after})


def changes(now: Inputs, marks: Mapping[str, str], gone: Mapping[str, str] | None = None) -> list[str]:
    """What is not as the tags of an image say, a line each; empty when a build would be made of the same.

    ``gone`` may hold more names and digests of parts (from a record or from git): a digest in a tag does not tell the name of a
    file that is not there any more.
    """
    found = [*_base(now, marks), *_changed_settings(now, marks, gone or {}), *_provisioners(now, marks, gone or {})]
    if not found and marks.get(tags.FINGERPRINT, "") != now.fingerprint:
        found.append("the provisioners changed; the image's tags do not say what")
    return found


def _base(now: Inputs, marks: Mapping[str, str]) -> Iterator[str]:
    base_id, _, name = marks.get(tags.BASE, "").partition(" ")
    if base_id != now.base_id:
        yield f"base image {base_id or 'unknown'} ({name or 'unknown'}) → {now.base_id} ({now.base_name})"


def _changed_settings(now: Inputs, marks: Mapping[str, str], gone: Mapping[str, str]) -> Iterator[str]:
    """Nothing of what an image of an earlier version has not noted."""
    before = _pairs(marks.get(tags.SETTINGS, ""))
    changed = [name for name, digest in now.settings.items() if name in before and before[name] != digest[:_DIGITS]]
    yield from (f"{name} changed" for name in changed if name not in _OWN)
    if any(name in _OWN for name in changed):
        details = list(_own(now, marks, gone)) if tags.VERSION in marks else []
        yield from details or ["Hubsmith's own scripts changed"]


def _own(now: Inputs, marks: Mapping[str, str], gone: Mapping[str, str]) -> Iterator[str]:
    if marks[tags.VERSION] != own.current_version():
        yield f"Hubsmith {marks[tags.VERSION]} → {own.current_version()}"
    yield from _parts("", now, marks, gone)


def _provisioners(now: Inputs, marks: Mapping[str, str], gone: Mapping[str, str]) -> Iterator[str]:
    if tags.PROVISIONERS not in marks:
        return
    before = _pairs(_joined(tags.PROVISIONERS, marks, " "))
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
    known = set(_unpacked(marks)) - {_packed(name, "")[:4] for name in (*now.parts, *gone)}
    if known and changed and set(before) <= set(current):
        yield f"{len(known)} part(s) of {', '.join(changed)} are gone"


def _parts(start: str, now: Inputs, marks: Mapping[str, str], gone: Mapping[str, str]) -> Iterator[str]:
    """The files and variables that are not the same: of the provisioner whose parts start like this, or ("") of Hubsmith itself."""
    before = _unpacked(marks)
    if not before:
        return
    for name in sorted({*now.parts, *gone}):
        if not (name.startswith(start) if start else own.spoken(name)):
            continue
        was = before.get(_packed(name, "")[:4])
        if name not in now.parts:
            if was is not None:
                yield f"{_spoken(name)} is gone"
        elif was is None:
            yield f"{_spoken(name)} is new"
        elif was != _packed(name, now.parts[name])[4:]:
            yield f"{_spoken(name)} changed"


def _spoken(part: str) -> str:
    """A file by its path, a variable by its name, the lock by whose packages it pins."""
    if words := own.spoken(part):
        return words
    _, provisioner, inside = part.split("/", 2)
    if inside.startswith(fingerprint.LOCKED):
        return f"lock of {provisioner}'s {inside.removeprefix(fingerprint.LOCKED)} packages"
    variable = inside.removeprefix(fingerprint.VARIABLE)
    return part if variable == inside else f"variable {variable} of {provisioner}"


def _packed(name: str, digest: str) -> str:
    """Four characters of the name's digest and, if there is one, four of the content's."""
    key = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()[:_NAME_BYTES]
    return base64.urlsafe_b64encode(key + bytes.fromhex(digest)[:_CONTENT_BYTES]).decode("ascii")


def _unpacked(marks: Mapping[str, str]) -> dict[str, str]:
    text = _joined(tags.PARTS, marks, "")
    return {text[at : at + 4]: text[at + 4 : at + _PART] for at in range(0, len(text), _PART)}


def _spread(key: str, items: list[str], between: str, most: int) -> dict[str, str]:
    """The items over as many tags as it takes; none when that is more than ``most``."""
    lines: list[str] = []
    for item in items:
        if lines and len(lines[-1]) + len(between) + len(item) <= TAG_LIMIT:
            lines[-1] += between + item
        else:
            lines.append(item)
    if len(lines) > most:
        return {}
    return {key if number == 1 else f"{key}:{number}": line for number, line in enumerate(lines, start=1)}


def _joined(key: str, marks: Mapping[str, str], between: str) -> str:
    lines = [marks[key]] if key in marks else []
    number = 2
    while f"{key}:{number}" in marks:
        lines.append(marks[f"{key}:{number}"])
        number += 1
    return between.join(lines)


def _pairs(text: str) -> dict[str, str]:
    return dict(pair.rsplit("=", 1) for pair in text.split() if "=" in pair)
