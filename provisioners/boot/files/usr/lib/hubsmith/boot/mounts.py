"""Mount units in /run: the data volume, and the folders that are on it. They last until the machine stops.

They are units, not bare mounts, so that what needs the folders can say so (RequiresMountsFor): without the volume
neither hub nor notebooks run, rather than writing to the root disk.
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
_OWN_HOMES = Path("/run/hubsmith/homes")
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
    return any(line.split()[4] == str(path) for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines())


def mount_data(device: str) -> None:
    """Mount the volume; nobody but root may pass through /data itself."""
    DATA.mkdir(mode=0o700, exist_ok=True)
    _write(DATA, f"Data volume {device}", device, "ext4", "noatime,nodev")
    _start([DATA])
    DATA.chmod(0o700)


def mount_folders() -> None:
    """Mount each folder of the volume over the machine's own one; then the homes of the machine's own accounts over that."""
    _keep_own_homes()
    for folder, mode in FOLDERS.items():
        source = DATA / folder.strip("/").replace("/", "-")
        source.mkdir(mode=mode, exist_ok=True)
        Path(folder).mkdir(mode=mode, parents=True, exist_ok=True)
        _write(Path(folder), f"{folder} on the data volume", str(source), "none", "bind", after=DATA)
    _start([Path(folder) for folder in FOLDERS])
    _put_own_homes_back()


def _keep_own_homes() -> None:
    """The login user's home is the machine's, with the keys that this launch put there; the volume knows nothing of it."""
    if not is_mounted(Path("/home")):
        _OWN_HOMES.mkdir(mode=0o711, parents=True, exist_ok=True)
        _write(_OWN_HOMES, "Homes on the root disk", "/home", "none", "bind")
        _start([_OWN_HOMES])


def _put_own_homes_back() -> None:
    places = []
    for home in sorted(_OWN_HOMES.iterdir()):
        if home.is_dir() and home.stat().st_uid < _FIRST_OF_THE_HUB:
            place = Path("/home") / home.name
            place.mkdir(mode=0o700, exist_ok=True)
            _write(place, f"{home.name}'s home on the root disk", str(home), "none", "bind", after=Path("/home"))
            places.append(place)
    _start(places)


def _write(place: Path, what: str, source: str, kind: str, options: str, after: Path | None = None) -> None:
    more = f"RequiresMountsFor={after}\n" if after else ""
    text = _UNIT.format(what=what, source=source, place=place, kind=kind, options=options, more=more)
    _UNITS.mkdir(parents=True, exist_ok=True)
    (_UNITS / _unit(place)).write_text(text, encoding="utf-8")
    (_UNITS / _unit(place)).chmod(0o644)


def _start(places: list[Path]) -> None:
    missing = [place for place in places if not is_mounted(place)]
    if missing:
        _run("systemctl", "daemon-reload")
        _run("systemctl", "start", *(_unit(place) for place in missing))
    if left := [str(place) for place in places if not is_mounted(place)]:
        raise OSError(f"{', '.join(left)} could not be mounted: journalctl --unit {_unit(Path(left[0]))}")


def _unit(place: Path) -> str:
    command = ["systemd-escape", "--path", "--suffix=mount", str(place)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"{' '.join(command)} ended with status {done.returncode}: {done.stderr.strip()[-400:]}")
