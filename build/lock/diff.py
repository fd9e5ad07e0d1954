"""What is another in a new lock, a line for each package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from build.manifest.packages.lockfile_format import CONDA_ENTRY, PIP_ENTRY, EnvironmentPins, Lock, Pins


def changes(before: Lock, after: Lock) -> list[str]:
    """`+` for what comes, `-` for what goes, `~` for another version or build, by what it is locked for.

    Empty only when nothing at all is another.
    """
    return _said(_by_label(before), _by_label(after))


Locked = Pins | EnvironmentPins


def _said(old: Mapping[str, Locked], new: Mapping[str, Locked]) -> list[str]:
    lines: list[str] = []
    for label in dict.fromkeys([*new, *old]):
        if old.get(label) != new.get(label):
            lines += [label, *(f"  {line}" for line in _changes(old.get(label), new.get(label)))]
    return lines


def summary(before: Lock, after: Lock) -> list[str]:
    """The same, but only how many packages there are where nothing was locked."""
    old, new = _by_label(before), _by_label(after)
    counted = (
        f"{label}: {len(_versions(new[label]))} package{'s' * (len(_versions(new[label])) != 1)}"
        for label in new
        if label not in old
    )
    return [*_said(old, {label: new[label] for label in new if label in old}), *counted]


def _by_label(lock: Lock) -> dict[str, Locked]:
    """Everything that is locked, by what it is locked for; environments for everybody by themselves."""
    found: dict[str, Locked] = {}
    for path, packages in lock.sections():
        for distribution, platforms in packages.items():
            for arch, pins in platforms.items():
                label = f"{distribution} {arch}" + (f" with {path[1]}" if path[1:] else "")
                found[label] = pins.model_copy(update={"environments": {}})
                found |= {f"{label}, environment {name}": own for name, own in pins.environments.items()}
    return found


def _changes(before: Locked | None, after: Locked | None) -> Iterator[str]:
    if before and after and before.made_of != after.made_of:
        yield "~ what the manifest asks for"
    old, new = _versions(before), _versions(after)
    for name in sorted({*old, *new}):
        if name not in old:
            yield f"+ {' '.join(name)} {new[name][0]}"
        elif name not in new:
            yield f"- {' '.join(name)} {old[name][0]}"
        elif old[name] != new[name]:
            same = old[name][0] == new[name][0]
            yield f"~ {' '.join(name)} {old[name][0]}" + (": other files" if same else f" → {new[name][0]}")


def _versions(pins: Locked | None) -> dict[tuple[str, str], tuple[str, str]]:
    """Version and whole entry by manager and name; a package pinned per Python has all its versions."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for entry in CONDA_ENTRY.finditer(pins.conda if pins else ""):
        name, version, build = entry["package"].rpartition("/")[2].rsplit("-", 2)
        found["conda", name] = (
            f"{version} {build.removesuffix('.conda').removesuffix('.tar.bz2')}",
            entry[0],
        )
    for entry in PIP_ENTRY.finditer(pins.pip if pins else ""):
        key, version = (
            ("pip", entry["name"]),
            f"{entry['version']}{(entry['marker'] or '').replace(' ; ', ' for ', 1)}",
        )
        was = found.get(key)
        found[key] = (f"{was[0]}, {version}", was[1] + entry[0]) if was else (version, entry[0])
    return found
