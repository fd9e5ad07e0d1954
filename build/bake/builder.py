"""The temporary machine that everything is installed on."""

from __future__ import annotations

from build.bake import instances
from build.bake.state import Bake
from build.pipeline import Step
from build.remote import client

ROLE = "builder"


class LaunchBuilder(Step[Bake]):
    """Run an instance of the base image, or of a layer; wait for sshd and cloud-init.

    Needs: base, source_id, network. Produces: builder.
    """

    title = "launch the builder"
    kept_on_failure = True

    def run(self, state: Bake) -> None:
        """Raises CloudError or RemoteError."""
        with state.report.timed("run-instances to ssh"):
            state.builder = instances.launch(state, state.source_id, ROLE)
            state.report.note(f"builder {state.builder.id} at {state.builder.address}")
            instances.wait_for_ssh(state, state.builder)
        with state.report.timed("ssh to cloud-init done"):
            instances.wait_for_cloud_init(state, state.builder)

    def cleanup(self, state: Bake) -> None:
        """Terminate it."""
        instances.terminate_all(state, ROLE)


def how_to_look_inside(state: Bake) -> str | None:
    """For ``--on-failure keep``: how to reach the builder and how to get rid of it; None when there is none."""
    if not hasattr(state, "builder"):
        return None
    config = client.write_config(state.builder.target, state.run.folder, state.run.folder / "control")
    return (
        f"kept builder {state.builder.id}; look inside:\n"
        f"  ssh -F {config} -o ControlPath=none {client.ALIAS}\n"
        f"it ends itself at {state.run.expires:%Y-%m-%d %H:%M} UTC; remove it now:\n"
        f"  invoke sweep --run {state.run.id}"
    )
