"""The list of commands, for Invoke; what each does is in build/commands/."""

from __future__ import annotations

import sys
from pathlib import Path

from invoke import Collection, Exit

# Invoke has every command compile all its modules anew (--write-pyc is off): a fifth of a second each time.
sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)

try:
    from build.commands import (
        cloud,
        cloud_faults,
        command_line,
        hubs,
        images,
        kernels,
        launch,
        lock,
        rebuild,
        schedule,
        tell,
        upgrade,
        upkeep,
    )
    from build.commands.command import Command
except ModuleNotFoundError as missing:  # an Invoke of one's own has only itself
    hint = "run `make setup`, then .venv/bin/invoke, or `make shell`"
    raise Exit(f"error: {missing.name} is not installed for this invoke\nhint: {hint}", code=2) from None


def _named(*commands: Command, room: str = "") -> dict[str, Command]:
    return {f"{room}{each.name}": each for each in commands}


CLOUD = (
    cloud.up,
    cloud.down,
    cloud.status,
    cloud.env,
    cloud.ca,
    cloud.reset,
    cloud.base,
    cloud.doctor,
    cloud_faults.faults,
)
GROUPS = {
    "Images": _named(images.check, images.plan, lock.lock, images.build_ami, images.verify, images.images),
    "Hubs": _named(
        launch.launch,
        upgrade.upgrade,
        hubs.hubs,
        hubs.status,
        hubs.users,
        kernels.kernels,
        tell.tell,
        hubs.ssh,
        hubs.logs,
        hubs.open_,
        launch.destroy,
    ),
    "Rebuilds and cleaning up": _named(rebuild.rebuild, schedule.schedule, upkeep.prune, upkeep.sweep),
    "The local cloud": _named(*CLOUD, room="cloud."),
}
namespace = Collection(
    *(each for title in list(GROUPS)[:-1] for each in GROUPS[title].values()), Collection("cloud", *CLOUD)
)

if Path(sys.argv[0]).name in ("invoke", "inv"):
    command_line.prepare(sys.argv[1:], namespace, GROUPS)
