"""Fresh instances of the image that was just made: what a user would get."""

from __future__ import annotations

from build.bake import instances, watch
from build.bake.state import Bake, Instance
from build.pipeline import Step

ROLE = "candidate"


class LaunchCandidate(Step[Bake]):
    """Boot the image on an instance of its own, or on several that share the tests.

    Needs: image_id, network. Produces: candidates.
    """

    title = "boot a fresh instance of the image"
    kept_on_failure = True

    def run(self, state: Bake) -> None:
        """Raises CloudError or RemoteError."""
        with state.report.timed("run-instances to ssh"):
            state.candidates = instances.launch(state, state.image_id, ROLE, state.manifest.tests.machines)
            for candidate in state.candidates:
                state.report.note(f"candidate {candidate.id} at {candidate.address}")
                instances.wait_for_ssh(state, candidate)
        with state.report.timed("ssh to cloud-init done"):
            for candidate in state.candidates:
                instances.wait_for_cloud_init(state, candidate)

    def cleanup(self, state: Bake) -> None:
        """Terminate it."""
        instances.terminate_all(state, ROLE)


class RebootCandidate(Step[Bake]):
    """Reboot it: what works once may still not come up again.

    Needs: candidates.
    """

    title = "reboot it"

    def run(self, state: Bake) -> None:
        """Raises RemoteError when it does not come back as another boot."""
        before = [_boot_id(state, candidate) for candidate in state.candidates]
        state.clients.ec2.reboot_instances(InstanceIds=[candidate.id for candidate in state.candidates])
        for candidate, boot_id in zip(state.candidates, before, strict=True):
            instances.wait_for_ssh(state, candidate, since_boot=boot_id)
            instances.wait_for_cloud_init(state, candidate)


def _boot_id(state: Bake, instance: Instance) -> str:
    with watch.shell(state, instance) as shell:
        return shell.run("cat /proc/sys/kernel/random/boot_id").output.strip()
