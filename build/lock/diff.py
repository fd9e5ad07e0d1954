"""What is another in a new lock, a line for each package."""

from __future__ import annotations

from collections.abc import Iterator

from build.manifest.pins import CONDA_ENTRY, PIP_ENTRY, Lock, Pins


def changes(before: Lock, after: Lock) -> list[str]:
    """`+` for what comes, `-` for what goes, `~` for another version or build; below the name of what it is locked for.

    Empty only when nothing at all is another.
    """
    lines: list[str] = []
    for distribution in dict.fromkeys([*after.packages, *before.packages]):
        old, new = before.packages.get(distribution, {}), after.packages.get(distribution, {})
        for arch in dict.fromkeys([*new, *old]):
            if old.get(arch) != new.get(arch):
                lines += [f"{distribution} {arch}", *(f"  {line}" for line in _changes(old.get(arch), new.get(arch)))]
    return lines


def summary(before: Lock, after: Lock) -> list[str]:
    """The same, but only how many packages there are where nothing was locked."""
    known = {name: {arch: found[arch] for arch in before.packages.get(name, {}) if arch in found} for name, found in after.packages.items()}
    new = (
        f"{distribution} {arch}: {len(_versions(pins))} package{'s' * (len(_versions(pins)) != 1)}"
        for distribution, platforms in after.packages.items()
        for arch, pins in platforms.items()
        if arch not in before.packages.get(distribution, {})
    )
    return [*changes(before, Lock(packages=known)), *new]


def _changes(before: Pins | None, after: Pins | None) -> Iterator[str]:
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


def _versions(pins: Pins | None) -> dict[tuple[str, str], tuple[str, str]]:
    """Version and whole entry by manager and name; a package that is pinned per Python has all its versions."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for entry in CONDA_ENTRY.finditer(pins.conda if pins else ""):
        name, version, build = entry["package"].rpartition("/")[2].rsplit("-", 2)
        found["conda", name] = (f"{version} {build.removesuffix('.conda').removesuffix('.tar.bz2')}", entry[0])
    for entry in PIP_ENTRY.finditer(pins.pip if pins else ""):
        key, version = ("pip", entry["name"]), f"{entry['version']}{(entry['marker'] or '').replace(' ; ', ' for ', 1)}"
        was = found.get(key)
        found[key] = (f"{was[0]}, {version}", was[1] + entry[0]) if was else (version, entry[0])
    return found
