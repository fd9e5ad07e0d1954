#!@PREFIX@/bin/python
"""A stand-in for conda over py-rattler: install, remove and create, with conda's own rules about rights,
caches, channels and terms.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    import rattler

ROOT = Path("@PREFIX@")
sys.path.insert(0, str(ROOT / "standin"))


def settings() -> dict[str, list[str]]:
    """Sections of the .condarc files, the user's on top: {channels: [...], ...}; no other YAML."""
    found: dict[str, list[str]] = {}
    for file in (Path.home() / ".condarc", ROOT / ".condarc"):
        section = ""
        for line in file.read_text().splitlines() if file.exists() else ():
            if line.lstrip().startswith("#"):
                continue
            if line[:1] not in (" ", ""):
                section = line.partition(":")[0]
                found.setdefault(section, [])
            elif line.strip():
                found[section].append(line.strip().removeprefix("- ").strip('"'))
    return found


def refuse(error: str, about: str) -> NoReturn:
    sys.exit(f"\n{error}: {about}")


def cache(prefix: Path) -> Path:
    told = os.environ.get("CONDA_PKGS_DIRS")
    folders = [Path(told)] if told else [ROOT / "pkgs", Path.home() / ".conda/pkgs"]
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "urls.txt").touch()
        except PermissionError:
            continue
        return folder
    refuse("NoWritablePkgsDirError", str(folders))


def explicit(file: str) -> "list[rattler.RepoDataRecord]":
    """The records of a list of addresses (@EXPLICIT); nothing is solved."""
    import rattler

    header, *lines = Path(file).read_text().split()
    if header != "@EXPLICIT":
        refuse("ValueError", f"{file} is no explicit list")
    records = []
    for line in lines:
        url, _, digest = line.partition("#sha256:")
        channel, subdir, name = url.rsplit("/", 2)
        package, version, build = name.removesuffix(".conda").removesuffix(".tar.bz2").rsplit("-", 2)
        described = rattler.PackageRecord(
            package,
            version,
            rattler.BuildString(build),
            0,
            subdir,
            noarch=rattler.NoArchType("generic") if subdir == "noarch" else None,
            sha256=bytes.fromhex(digest),
        )
        records.append(rattler.RepoDataRecord(described, name, url, channel))
    return records


async def change(prefix: Path, specs: list[str], file: str | None, *, remove: bool) -> None:
    import rattler

    there = [rattler.PrefixRecord.from_path(path) for path in (prefix / "conda-meta").glob("*.json")]
    records = [] if remove else explicit(file) if file else await solved(specs)
    going = set(specs) if remove else {new.name.source for new in records}
    kept = [record for record in there if record.name.source not in going]
    await rattler.install(
        [*records, *kept], prefix, cache_dir=cache(prefix), installed_packages=there, show_progress=False
    )
    (prefix / "CACHEDIR.TAG").unlink(missing_ok=True)  # py-rattler's; conda has none
    for path in (prefix / "conda-meta").glob("*.json"):
        if path.stat().st_uid == os.geteuid():
            path.chmod(0o664)  # conda's have the usual mode, py-rattler's are for their owner only
    with (prefix / "conda-meta/history").open("a") as history:
        history.write(f"# {'remove' if remove else 'update'} specs: {specs}\n")


async def solved(specs: list[str]) -> "list[rattler.RepoDataRecord]":
    import rattler
    from rattler.exceptions import SolverError

    found = settings()
    channels = found.get("channels") or ["defaults"]
    accepted = os.environ.get(
        "CONDA_PLUGINS_AUTO_ACCEPT_TOS"
    ) == "true" or "auto_accept_tos: true" in found.get("plugins", [])
    if "defaults" in channels and not accepted:
        refuse(
            "CondaToSNonInteractiveError",
            "Terms of Service have not been accepted for the following channels: pkgs/main, pkgs/r",
        )
    alias = os.environ.get("CONDA_CHANNEL_ALIAS", "https://conda.anaconda.org")
    channels = [name if "://" in name else f"{alias.rstrip('/')}/{name}" for name in channels]
    try:
        python = f"python {sys.version_info[0]}.{sys.version_info[1]}.*"  # conda leaves its own as it is
        return await rattler.solve(channels, specs, platforms=["linux-64", "noarch"], constraints=[python])
    except SolverError as error:
        refuse(
            "PackagesNotFoundError",
            f"The following packages are not available from current channels: {error}",
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="conda")
    commands = parser.add_subparsers(dest="command", required=True)
    shown = commands.add_parser("config")
    shown.add_argument("--show", choices=["channels"], required=True)
    for name in ("install", "remove", "create"):
        command = commands.add_parser(name)
        command.add_argument("--yes", "-y", action="store_true")
        command.add_argument("--quiet", "-q", action="store_true")
        command.add_argument("--prefix", "-p", default=str(ROOT))
        command.add_argument("--name", "-n")
        command.add_argument("--file")
        command.add_argument("--channel", "-c", action="append", default=[])
        command.add_argument("--override-channels", action="store_true")
        command.add_argument("specs", nargs="*")
    chosen = parser.parse_args()
    if chosen.command == "config":
        sys.stdout.write("\n  - ".join(["channels:", *(settings().get("channels") or ["defaults"])]) + "\n")
        return
    prefix = Path(chosen.prefix)
    if chosen.command == "create":
        shared = ROOT / "envs"
        if chosen.name:
            prefix = (shared if os.access(ROOT, os.W_OK) else Path.home() / ".conda/envs") / chosen.name
        (prefix / "conda-meta").mkdir(parents=True)
        (prefix / "conda-meta/history").touch()
    elif not os.access(prefix / "conda-meta/history", os.W_OK):
        refuse(
            "EnvironmentNotWritableError",
            f"The current user does not have write permissions to the target environment: {prefix}",
        )
    if (prefix / "conda-meta/frozen").exists():
        refuse("EnvironmentIsFrozenError", f"Cannot modify environment, it is marked as frozen: {prefix}")
    asyncio.run(change(prefix, chosen.specs, chosen.file, remove=chosen.command == "remove"))
    os._exit(0)  # py-rattler's threads were seen to fall when the interpreter ends under them


if __name__ == "__main__":
    main()
