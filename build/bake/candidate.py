"""A fresh instance of the image that was just made: what a user would get."""

from __future__ import annotations

from build.bake import instances
from build.bake.state import Bake
from build.pipeline import Step
from build.remote.shell import Shell

ROLE = "candidate"


class LaunchCandidate(Step[Bake]):
    """Boot the image on an instance of its own.

    Needs: image_id, network. Produces: candidate.
    """

    title = "boot a fresh instance of the image"

    def run(self, state: Bake) -> None:
        """Raises CloudError or RemoteError."""
        with state.report.timed("run-instances to ssh"):
            state.candidate = instances.launch(state, state.image_id, ROLE)
            state.report.note(f"candidate {state.candidate.id} at {state.candidate.address}")
            instances.wait_for_ssh(state, state.candidate)
        with state.report.timed("ssh to cloud-init done"):
            instances.wait_for_cloud_init(state, state.candidate)

    def cleanup(self, state: Bake) -> None:
        """Terminate it."""
        instances.terminate_all(state, ROLE)


class RebootCandidate(Step[Bake]):
    """Reboot it: what works once may still not come up again.

    Needs: candidate.
    """

    title = "reboot it"

    def run(self, state: Bake) -> None:
        """Raises RemoteError when it does not come back as another boot."""
        with Shell(state.candidate.target) as shell:
            before = shell.run("cat /proc/sys/kernel/random/boot_id").output.strip()
        state.clients.ec2.reboot_instances(InstanceIds=[state.candidate.id])
        instances.wait_for_ssh(state, state.candidate, since_boot=before)
        instances.wait_for_cloud_init(state, state.candidate)
