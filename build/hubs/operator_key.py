"""The operator's key: made once per hub and kept on this machine, or the operator's own.

Only the public half travels.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from build.errors import UserError
from build.hubs.hub import Hub
from build.remote.keys import generate


def identity(hub: Hub) -> Path:
    """The private key's file."""
    return hub.folder / "operator_key"


def ensure_key(hub: Hub, given: str) -> None:
    """Have a key: the file ``given`` (a private key) from now on, else the one there is, else a new one.

    Raises UserError.
    """
    if given:
        _take(hub, Path(given).expanduser())
    elif not identity(hub).exists():
        key = generate()
        _write(identity(hub), key.private)
        _public(hub).write_text(f"{key.public} hubsmith operator of {hub.domain}\n", encoding="utf-8")


def public_key(hub: Hub) -> str:
    """The public half, a line as sshd takes it."""
    return _public(hub).read_text(encoding="utf-8").strip()


def require_key(hub: Hub, given: str) -> Path:
    """The private key to log in with. Raises UserError when this machine has none for the hub."""
    if given:
        return Path(given).expanduser().absolute()
    if not identity(hub).exists():
        raise UserError(
            f"this machine has no key for {hub.domain}",
            hint=(
                "--operator-key FILE names one that opens it; the one made by launch is on the machine "
                "that launched it"
            ),
        )
    return identity(hub)


def _take(hub: Hub, file: Path) -> None:
    """Use the operator's own key by a link, so that there is no copy of it."""
    done = subprocess.run(
        ["ssh-keygen", "-y", "-P", "", "-f", str(file)], capture_output=True, text=True, check=False
    )
    beside = file.with_name(f"{file.name}.pub")
    public = done.stdout.strip() or (
        beside.read_text(encoding="utf-8").strip() if file.exists() and beside.exists() else ""
    )
    if not public:
        raise UserError(
            f"--operator-key {file}: "
            f"{done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'not a private key'}"
        )
    identity(hub).unlink(missing_ok=True)
    identity(hub).symlink_to(file.absolute())
    _public(hub).write_text(public + "\n", encoding="utf-8")


def forget(hub: Hub) -> None:
    """Nothing of the hub stays on this machine."""
    shutil.rmtree(hub.folder, ignore_errors=True)


def _public(hub: Hub) -> Path:
    return hub.folder / "operator_key.pub"


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
