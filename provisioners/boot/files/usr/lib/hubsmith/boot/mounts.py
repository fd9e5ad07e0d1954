"""Mount units in /run: the data volume, and the folders that are on it. They last until the machine stops.

They are units, not bare mounts, so that what needs the folders can say so (RequiresMountsFor): without the
volume neither hub nor notebooks run, rather than writing to the root disk.
"""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path

log = logging.getLogger("hubsmith-boot")

DATA = Path("/data")
FOLDERS = {"/home": 0o755, "/srv/jupyterhub": 0o700, "/etc/letsencrypt": 0o700}
"""What is on the volume, with the mode it is made with."""

_UNITS = Path("/run/systemd/system")
# The root disk by another name, where its own /home stays in sight. Bound as a whole: a mount unit whose
# source is /home would wait for what is to be mounted over it. Private: else what is mounted over /home would
# appear here too.
_ROOT_DISK = Path("/run/hubsmith/own/root")
_FIRST_OF_THE_HUB = 2000  # uid; see hubsmith_hub/userdb.py
_UNIT = """\
# Made by hubsmith-boot.
[Unit]
Description={what}
{more}
[Mount]
What={source}
Where={place}
Type={kind}
Options={options}
"""


def is_mounted(path: Path) -> bool:
    """Is something mounted there (a bind mount of the same disk too)?"""
    return any(
        line.split()[4] == str(path)
        for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    )


def mount_data(device: str) -> None:
    """Mount the volume; nobody but root may pass through /data itself."""
    DATA.mkdir(mode=0o700, exist_ok=True)
    _write_units(device)
    _start([DATA])
    DATA.chmod(0o700)


def mount_folders() -> None:
    """Mount each folder of the volume over the machine's own one; then the homes of the machine's own
    accounts over that.

    The login user's home is the machine's, with the keys that this launch put there; the volume knows nothing
    of it.
    """
    for folder, mode in FOLDERS.items():
        for path in (_source(folder), Path(folder)):
            path.mkdir(parents=True, exist_ok=True)
        _source(folder).chmod(mode)
    _ROOT_DISK.mkdir(parents=True, exist_ok=True)
    _ROOT_DISK.parent.chmod(0o700)
    _start([_ROOT_DISK])
    homes = [Path("/home") / home.name for home in _own_homes(_ROOT_DISK / "home")]
    _start([Path(folder) for folder in FOLDERS])
    for home in homes:
        home.mkdir(mode=0o700, exist_ok=True)
    _start(homes)


def _write_units(device: str) -> None:
    """All at once: each time that systemd reads its units again takes seconds on a small machine."""
    if is_mounted(Path("/home")):
        return
    _write(DATA, f"Data volume {device}", device, "ext4", "noatime,nodev,nosuid")
    for folder in FOLDERS:
        _write(Path(folder), f"{folder} on the data volume", str(_source(folder)), "none", "bind", after=DATA)
    _write(_ROOT_DISK, "The root disk", "/", "none", "bind,private")
    for home in _own_homes(Path("/home")):
        source = str(_ROOT_DISK / "home" / home.name)
        _write(home, f"{home.name}'s home on the root disk", source, "none", "bind", after=Path("/home"))
    _run("systemctl", "daemon-reload")


def _source(folder: str) -> Path:
    return DATA / folder.strip("/").replace("/", "-")


def _own_homes(folder: Path) -> list[Path]:
    return [
        home
        for home in sorted(folder.iterdir())
        if home.is_dir() and not home.name.startswith(".") and home.stat().st_uid < _FIRST_OF_THE_HUB
    ]


def _write(place: Path, what: str, source: str, kind: str, options: str, after: Path | None = None) -> None:
    more = f"RequiresMountsFor={after}\n" if after else ""
    text = _UNIT.format(what=what, source=source, place=place, kind=kind, options=options, more=more)
    _UNITS.mkdir(parents=True, exist_ok=True)
    (_UNITS / _unit(place)).write_text(text, encoding="utf-8")
    (_UNITS / _unit(place)).chmod(0o644)


def _start(places: list[Path]) -> None:
    missing = [place for place in places if not is_mounted(place)]
    if missing:
        _run("systemctl", "start", *(_unit(place) for place in missing))
    if left := [str(place) for place in places if not is_mounted(place)]:
        raise OSError(f"{', '.join(left)} could not be mounted: journalctl --unit {_unit(Path(left[0]))}")


def _unit(place: Path) -> str:
    command = ["systemd-escape", "--path", "--suffix=mount", str(place)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(
            f"{' '.join(command)} ended with status {done.returncode}: {done.stderr.strip()[-400:]}"
        )
