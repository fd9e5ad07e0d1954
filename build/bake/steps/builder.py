"""The temporary machine that everything is installed on."""

from __future__ import annotations

import shlex
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from build.aws.errors import explain
from build.bake import instances
from build.bake.state import Bake, Instance
from build.pipeline import Step
from build.remote import ssh_config

ROLE = "builder"


class LaunchBuilder(Step[Bake]):
    """Run an instance of the base image, or of a layer; wait for sshd and cloud-init.

    Needs: base, source_id, network. Produces: builder.
    """

    title = "launch the builder"

    def run(self, state: Bake) -> None:
        """Raises CloudError or RemoteError."""
        with state.report.timed("run-instances to ssh"):
            (state.builder,) = instances.launch(state, state.source_id, ROLE)
            state.report.note(f"builder {state.builder.id} at {state.builder.address}")
            instances.wait_for_ssh(state, state.builder)
        with state.report.timed("ssh to cloud-init done"):
            instances.wait_for_cloud_init(state, state.builder)

    def cleanup(self, state: Bake) -> None:
        """Terminate it."""
        instances.terminate_all(state, ROLE)

    def is_kept(self, state: Bake) -> bool:
        """As long as somebody could log in: a stopped one would neither let anybody in nor end itself."""
        return not state.builder_is_sealed


class EndBuilder(Step[Bake]):
    """Tell EC2 to end the builder as soon as its image is there: it ends while the candidate boots.

    Needs: builder. The cleanup of LaunchBuilder waits for the end, which has come by then.
    """

    title = "end the builder"

    def run(self, state: Bake) -> None:
        """Never raises what EC2 refuses: the cleanup tries again, and reports it."""
        try:
            state.clients.ec2.terminate_instances(InstanceIds=[state.builder.id])
        except (ClientError, BotoCoreError) as exc:
            state.report.warn(f"{state.builder.id} stays until the cleanup: {explain(exc) or exc}")


def how_to_look_inside(state: Bake) -> str | None:
    """For ``--on-failure keep``: how to reach the machines that stay, and end them; None without any."""
    machines = _kept(state)
    if not machines:
        return None
    ways = (
        "  " + shlex.join(ssh_config.command(_config(state, machine), "", "-o", "ControlPath=none"))
        for machine in machines
    )
    return "\n".join(
        [
            f"kept {', '.join(machine.id for machine in machines)}; look inside:",
            *ways,
            f"what is kept ends itself {state.manifest.builder.lifetime_minutes} minutes after its launch; "
            "remove it now:",
            f"  invoke sweep --run {state.run.id}",
        ]
    )


def _kept(state: Bake) -> tuple[Instance, ...]:
    """The fresh instances of the image if there are any yet, else the builder if it can be entered."""
    if hasattr(state, "candidates"):
        return state.candidates
    return (state.builder,) if hasattr(state, "builder") and not state.builder_is_sealed else ()


def _config(state: Bake, machine: Instance) -> Path:
    folder = state.run.folder / machine.id
    folder.mkdir(mode=0o700, exist_ok=True)
    return ssh_config.write(machine.target, folder, folder / "control")
