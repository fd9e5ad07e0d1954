"""The list of commands, for Invoke; what each does is in build/commands/ (README.md has the map)."""

from __future__ import annotations

from invoke import Collection

from build.commands import cloud, cloud_faults, hubs, images, launch, lock, rebuild, schedule, upkeep

namespace = Collection(
    images.check,
    images.plan,
    lock.lock,
    images.build_ami,
    images.verify,
    images.images,
    launch.launch,
    hubs.hubs,
    hubs.status,
    hubs.users,
    hubs.ssh,
    hubs.logs,
    hubs.open_,
    launch.destroy,
    rebuild.rebuild,
    schedule.schedule,
    upkeep.prune,
    upkeep.sweep,
    Collection(
        "cloud", cloud.up, cloud.down, cloud.status, cloud.env, cloud.ca, cloud.reset, cloud.base, cloud.doctor, cloud_faults.faults
    ),
)
