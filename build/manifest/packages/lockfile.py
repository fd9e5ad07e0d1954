"""What a build does with the lock beside its manifest: check it, give it to the provisioner with `lock:`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from build.errors import Problem
from build.manifest.packages import lockfile_format
from build.manifest.packages.lockfile_format import EnvironmentInputs, Lock, LockInputs, Packages, Pins
from build.manifest.provisioners.definition import ProvisionerUse
from build.manifest.schema import ARCH, CLOUDS, WITH_CONDA, Arch, Base, Distribution
from build.manifest.yaml.files import display
from build.manifest.yaml.frozen import to_plain
from build.manifest.yaml.nodes import KeyPath, MapNode, Mark, place_of

_WITHOUT_PROFILES: KeyPath = ("packages",)
# The Python of a base image, by its name. Where that says nothing, the oldest that a base image has.
_PYTHON = (("debian-13", "3.13"), ("debian/release/13", "3.13"), ("noble", "3.12"), ("24.04", "3.12"))
_OLDEST_PYTHON = "3.11"


@dataclass(frozen=True)
class Applied:
    """The provisioners with what the lock gives them, what is not locked, and why the lock cannot be used."""

    uses: tuple[ProvisionerUse, ...]
    unlocked: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def apply(path: Path, uses: tuple[ProvisionerUse, ...], base: Base, profiles: Sequence[str] = ()) -> Applied:
    """Give the provisioners what the lock at ``path`` has for them in a manifest with these profiles.

    A lock that is not of this manifest is neither used nor passed over: the build would not be what somebody
    wrote down.
    """
    found, tree, problems = lockfile_format.load(path)
    if problems:
        return Applied(uses, problems=problems)
    if found is None or tree is None:
        return Applied(
            uses, tuple(one for use in uses if use.definition.lock for one in to_resolve(use, base))
        )
    given, wrong = [], []
    for use in uses:
        chosen = (
            _pins(Locked(found, tree, display(path), tuple(profiles)), use, base)
            if use.definition.lock
            else None
        )
        given.append(replace(use, lock_files=chosen.lock_files) if isinstance(chosen, Pins) else use)
        wrong += [chosen] if isinstance(chosen, Problem) else []
    return Applied(tuple(given), problems=tuple(wrong))


@dataclass(frozen=True)
class Locked:
    """A lock, the tree it was read from, its name for a person, and the profiles of its reader."""

    lock: Lock
    tree: MapNode
    file: str
    profiles: tuple[str, ...]

    @property
    def own(self) -> KeyPath:
        """Where the manifest's own section is, or would be."""
        return ("profiles", lockfile_format.named(self.profiles)) if self.profiles else _WITHOUT_PROFILES

    def sections(self) -> list[tuple[KeyPath, Packages]]:
        """The manifest's own, then that without profiles, then those of others."""
        return sorted(self.lock.sections(), key=lambda section: section[0] != self.own)

    @property
    def for_whom(self) -> str:
        """The profiles, for a person."""
        if not self.profiles:
            return "a manifest without profiles"
        return f"profile{'s' * (len(self.profiles) > 1)} {' and '.join(self.profiles)}"

    @property
    def again(self) -> str:
        """What to do when it is not of this manifest."""
        options = (
            f" --{'cloud' if name in CLOUDS else 'profile'} {name}"
            for name in self.profiles
            if name != CLOUDS[0]
        )
        return f"run `invoke lock{''.join(options)}`"


def _pins(locked: Locked, use: ProvisionerUse, base: Base) -> Pins | Problem:
    """Those made of what the manifest asks for, in any section: what asks for the same may share it."""
    distribution, arch, wanted = distribution_of(use), ARCH[base.architecture], made_of(use, base)
    for _, packages in locked.sections():
        found = packages.get(distribution, {}).get(arch)
        if found and not any(differences(found, wanted, environments_of(use))):
            return found
    return _mismatch(locked, use, arch, wanted)


def _mismatch(locked: Locked, use: ProvisionerUse, arch: Arch, wanted: LockInputs) -> Problem:
    """Why nothing in the lock is of this manifest; another profile's section says nothing about that."""
    distribution = distribution_of(use)
    sections = [(path, found) for path, found in locked.sections() if found.get(distribution)]
    path, packages = next(
        ((path, found) for path, found in sections if path in (locked.own, _WITHOUT_PROFILES)), ((), {})
    )
    if not packages:
        for_what = locked.for_whom if sections else "this distribution"
        return Mark(locked.file, 1, 1).problem(
            ("packages", distribution), f"nothing is locked for {for_what}: {locked.again}"
        )
    at: KeyPath = (*path, distribution)
    platforms = packages[distribution]
    if arch not in platforms:
        message = (
            f"is locked for {', '.join(platforms)}, not for {arch}, which base.architecture asks for: "
            f"{locked.again}"
        )
        return place_of(locked.tree, at).problem(at, message)
    at = (*at, arch)
    told = "; ".join(differences(platforms[arch], wanted, environments_of(use)))
    return place_of(locked.tree, at).problem(at, f"is of another manifest ({told}): {locked.again}")


def distribution_of(use: ProvisionerUse) -> Distribution:
    """Which distribution it installs; the schema has checked the name."""
    return cast(Distribution, use.values["distribution"])


def made_of(use: ProvisionerUse, base: Base) -> LockInputs:
    """What a lock for this provisioner has to be made of now."""
    values = cast(dict[str, Any], to_plain(use.values))
    distribution = distribution_of(use)
    has_conda = distribution in WITH_CONDA
    installer = (values.get("installers") or {}).get(distribution) or {}
    return LockInputs(
        python=(installer.get("python") if has_conda else _python_of(base)) or _OLDEST_PYTHON,
        hub_version=values.get("hub_version"),
        channels=tuple(values.get("channels") or ()) if has_conda else (),
        conda_packages=tuple(values.get("conda_packages") or ()) if has_conda else (),
        packages=tuple(values.get("packages") or ()),
        provisioner=hashlib.sha256(
            "\n".join((*requirements(use), *constraints(use), *overrides(use))).encode()
        ).hexdigest()[:16],
    )


def environments_of(use: ProvisionerUse) -> dict[str, EnvironmentInputs]:
    """What the lock of each environment for everybody has to be made of now, by its name."""
    given = cast(Sequence[Mapping[str, Any]], use.values.get("environments") or ())
    return {
        str(each["name"]): EnvironmentInputs(**{key: value for key, value in each.items() if key != "name"})
        for each in given
    }


def to_resolve(use: ProvisionerUse, base: Base) -> tuple[str, ...]:
    """What a build without a lock takes the newest of."""
    wanted = made_of(use, base)
    hub = (f"jupyterhub=={wanted.hub_version}",) if wanted.hub_version else ()
    pinned = use.definition.lock.environments if use.definition.lock else ()
    others = [
        text
        for each in environments_of(use).values()
        for text in (*each.conda_packages, *each.packages)
        if each.conda_packages or text not in pinned
    ]
    return tuple(dict.fromkeys((*wanted.conda_packages, *wanted.packages, *hub, *others)))


def requirements(use: ProvisionerUse) -> tuple[str, ...]:
    """What the provisioner installs beside the manifest's packages, as pip takes it."""
    lock = use.definition.lock
    left_out = set(_lines(use, lock.optional if lock else None))
    if "extensions" in use.values:
        left_out -= set(cast(Sequence[str], use.values["extensions"] or ()))
    wanted = _lines(use, lock.requirements if lock else None)
    return tuple(line for line in wanted if line not in left_out)


def constraints(use: ProvisionerUse) -> tuple[str, ...]:
    """The provisioner's own pins, name==version with markers and without hashes."""
    return tuple(_lines(use, use.definition.lock.constraints if use.definition.lock else None))


def overrides(use: ProvisionerUse) -> tuple[str, ...]:
    """What holds whatever packages ask for, as uv's --override takes it."""
    return tuple(_lines(use, use.definition.lock.overrides if use.definition.lock else None))


def _lines(use: ProvisionerUse, name: str | None) -> Iterator[str]:
    for line in (use.folder / name).read_text(encoding="utf-8").splitlines() if name else ():
        plain = re.sub(r"(^|\s)#.*$", "", line).removesuffix("\\").strip()
        if plain and not plain.startswith("--hash="):
            yield plain


def _python_of(base: Base) -> str | None:
    name = base.name or base.ssm_parameter or ""
    return next((version for part, version in _PYTHON if part in name), None)


def differences(
    locked: Pins, wanted: LockInputs, environments: Mapping[str, EnvironmentInputs]
) -> Iterator[str]:
    """What the manifest asks for now, also in environments, and the lock was not made of, in words."""
    yield from changes(locked.made_of, wanted)
    for name, asked in environments.items():
        if name not in locked.environments:
            yield f"environment {name} is new"
        else:
            told = changes(locked.environments[name].made_of, asked)
            yield from (f"environment {name}: {each}" for each in told)
    yield from (f"environment {name} is gone" for name in locked.environments if name not in environments)


def changes(locked: LockInputs | EnvironmentInputs, wanted: LockInputs | EnvironmentInputs) -> Iterator[str]:
    """What the manifest asks for now and the lock was not made of, in words."""
    for name, was in locked.model_dump().items():
        now = getattr(wanted, name)
        if was == now:
            continue
        if name == "provisioner":
            yield "the provisioner's own packages changed"
        elif not isinstance(now, tuple):
            yield f"{name} {was or 'its own'} → {now or 'its own'}"
        else:
            yield from (f"{name}: {item} is new" for item in now if item not in was)
            yield from (f"{name}: {item} is gone" for item in was if item not in now)
            if set(was) == set(now):
                yield f"{name}: in another order"
