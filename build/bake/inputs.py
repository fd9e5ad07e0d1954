"""What an image is made of, in a form that fits into its tags, and what has changed since.

A record stays on the machine that built; tags go wherever the image is seen, so a runner without any state can compare:

    hubsmith:fingerprint     everything from the base image to the last provisioner, in one digest (fingerprint.py)
    hubsmith:provisioners    name=digest of each provisioner's own content, in order
    hubsmith:settings        name=digest of what else of the manifest, and of Hubsmith's own scripts, gets into the image
    hubsmith:parts           8 characters for each file and variable of the provisioners: 3 bytes of its name's digest, 3 of its content's

The fingerprint decides whether anything changed; the others only serve to say what. EC2 allows 256 characters in a tag, so long
ones go on in hubsmith:parts:2 and so on; where even that is too short, the parts are left out and changes are named by provisioner.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from build.aws import tags
from build.bake import fingerprint
from build.bake.fingerprint import Fingerprint
from build.manifest import Manifest

TAG_LIMIT = 256
"""Characters in the value of a tag (EC2 user guide, "Tag restrictions")."""
PARTS_TAGS, PROVISIONERS_TAGS = 8, 2
_DIGITS = 8
_NAME_BYTES = _CONTENT_BYTES = 3
_PART = 8  # characters of both in base64
_HERE = Path(__file__).parent
OWN = tuple(_HERE / name for name in ("run_install.sh", "seal.sh", "layer.sh", "provision.py", "../remote/tree.py"))
"""What decides, beside the provisioners themselves, what comes of them on a builder: another version of it makes another image."""


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
            tags.SETTINGS: " ".join(f"{name}={digest[:_DIGITS]}" for name, digest in self.settings.items()),
            **_spread(tags.PROVISIONERS, provisioners, " ", PROVISIONERS_TAGS),
            **_spread(tags.PARTS, [_packed(name, digest) for name, digest in sorted(self.parts.items())], "", PARTS_TAGS),
        }


def of(manifest: Manifest, base_id: str, base_name: str) -> Inputs:
    """What a build of ``manifest`` on this base image would be made of. Raises OSError for an unreadable file."""
    parts = {f"provisioners/{use.name}/{name}": digest for use in manifest.provisioners for name, digest in fingerprint.parts(use).items()}
    return Inputs(base_id, base_name, fingerprint.chain(base_id, manifest.provisioners), _settings(manifest), parts)


def changes(now: Inputs, marks: Mapping[str, str], gone: Mapping[str, str] | None = None) -> list[str]:
    """What is not as the tags of an image say, a line each; empty when a build would be made of the same.

    ``gone`` may hold more names and digests of parts (from a record or from git): a digest in a tag does not tell the name of a
    file that is not there any more.
    """
    found = [*_base(now, marks), *_changed_settings(now, marks), *_provisioners(now, marks, gone or {})]
    if not found and marks.get(tags.FINGERPRINT, "") != now.fingerprint:
        found.append("the provisioners changed; the image's tags do not say what")
    return found


def _base(now: Inputs, marks: Mapping[str, str]) -> Iterator[str]:
    base_id, _, name = marks.get(tags.BASE, "").partition(" ")
    if base_id != now.base_id:
        yield f"base image {base_id or 'unknown'} ({name or 'unknown'}) → {now.base_id} ({now.base_name})"


def _changed_settings(now: Inputs, marks: Mapping[str, str]) -> Iterator[str]:
    if tags.SETTINGS not in marks:  # an image of an earlier version
        return
    before = _pairs(marks[tags.SETTINGS])
    for name, digest in now.settings.items():
        if before.get(name) != digest[:_DIGITS]:
            yield "Hubsmith's own scripts changed" if name == "hubsmith" else f"{name} changed"


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
        details = list(_parts(name, now, marks, gone))
        yield from details or [f"provisioner {name} changed"]
    known = set(_unpacked(marks)) - {_packed(name, "")[:4] for name in (*now.parts, *gone)}
    if known and changed and set(before) <= set(current):
        yield f"{len(known)} part(s) of {', '.join(changed)} are gone"


def _parts(provisioner: str, now: Inputs, marks: Mapping[str, str], gone: Mapping[str, str]) -> Iterator[str]:
    """The files and variables of one provisioner that are not the same."""
    before, start = _unpacked(marks), f"provisioners/{provisioner}/"
    if not before:
        return
    for name in sorted({*now.parts, *gone}):
        if not name.startswith(start):
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
    _, provisioner, inside = part.split("/", 2)
    if inside.startswith(fingerprint.LOCKED):
        return f"lock of {provisioner}'s {inside.removeprefix(fingerprint.LOCKED)} packages"
    variable = inside.removeprefix(fingerprint.VARIABLE)
    return part if variable == inside else f"variable {variable} of {provisioner}"


def _settings(manifest: Manifest) -> dict[str, str]:
    image, root = manifest.image, manifest.builder.root_volume
    scripts = [path.read_text(encoding="utf-8") for path in OWN]
    return {
        "image.description": fingerprint.digest(image.description),
        "image.tags": fingerprint.digest({**image.tags, **manifest.publish.tags}),
        "builder.root_volume": fingerprint.digest(root.model_dump(mode="json")),
        "hubsmith": fingerprint.digest(*scripts),
    }


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
