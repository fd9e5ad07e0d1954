"""The bake, in order. Each line is a step in the file of the same name."""

from __future__ import annotations

from pathlib import Path

from build.aws.session import Clients
from build.bake import kept
from build.bake.run import identity, start
from build.bake.state import Bake, BaseImage, TestRun
from build.bake.steps import preflight
from build.bake.steps.builder import EndBuilder, LaunchBuilder, how_to_look_inside
from build.bake.steps.candidate import LaunchCandidate, RebootCandidate
from build.bake.steps.check_installer import CheckInstaller
from build.bake.steps.copy_image import CheckRegions, CopyImage
from build.bake.steps.image import CreateImage, StopBuilder
from build.bake.steps.inspect_disk import CopyDisk, InspectImageFiles
from build.bake.steps.preflight import Preflight
from build.bake.steps.provision import Provision
from build.bake.steps.publish import PublishImage
from build.bake.steps.record import WriteRecord
from build.bake.steps.restore_layer import FindLayer, PrepareBuilder
from build.bake.steps.save_layer import SaveLayer
from build.bake.steps.seal import Seal
from build.bake.steps.security_group import CreateSecurityGroup
from build.bake.steps.source_image import FindBaseImage, FindSourceImage, find
from build.bake.steps.verify import Verify
from build.manifest import Manifest
from build.pipeline import OnFailure, Runner, Step
from build.report.reporter import Reporter


def steps(state: Bake) -> list[Step[Bake]]:
    """What a build does, from credentials to a published image."""
    elsewhere = bool(state.manifest.publish.regions)
    return [
        FindBaseImage(),
        Preflight(),
        *([CheckRegions()] if elsewhere else []),
        FindLayer(),
        CheckInstaller(),
        CreateSecurityGroup(),
        LaunchBuilder(),
        PrepareBuilder(),
        *(
            step
            for number, use in enumerate(state.manifest.provisioners)
            for step in (Provision(use, number), SaveLayer(use, number))
        ),
        Verify("builder"),
        Seal(),
        StopBuilder(),
        CreateImage(),
        EndBuilder(),
        LaunchCandidate(),
        CopyDisk(),
        Verify("candidate"),
        RebootCandidate(),
        Verify("rebooted"),
        InspectImageFiles(),
        *([CopyImage()] if elsewhere else []),
        WriteRecord(),
        PublishImage(),
    ]


def steps_of_verify(image_id: str) -> list[Step[Bake]]:
    """What `verify --ami` does: the second half of a build, on an image that is there already."""
    return [
        FindSourceImage(image_id),
        CreateSecurityGroup(),
        LaunchCandidate(),
        CopyDisk(),
        Verify("candidate"),
        RebootCandidate(),
        Verify("rebooted"),
        InspectImageFiles(),
    ]


def verify(
    manifest: Manifest, clients: Clients, report: Reporter, image_id: str
) -> tuple[list[TestRun], Path]:
    """Test an image on a fresh instance of it; return what came out and the folder of the JUnit files.

    Raises HubsmithError, with the names of the tests that failed, or what botocore raised.
    """
    with start(manifest.builder) as run, report.logging_to(run.folder / "build.log"):
        report.note(f"{run.id}, log {run.folder / 'build.log'}")
        state = Bake(manifest, clients, run, report)
        with manifest.located():
            Runner[Bake](report, OnFailure.CLEANUP).run(steps_of_verify(image_id), state)
        return state.tests, run.folder


def look(manifest: Manifest, clients: Clients, report: Reporter) -> BaseImage:
    """What a build would start from, once what can be known to stop it has been looked for: nothing is made.

    Raises UserError, with the line of the manifest, or what botocore raised.
    """
    state = Bake(manifest, clients, identity(manifest.builder), report)
    with manifest.located():
        state.base = find(clients, manifest.base)
        preflight.look(state)
    return state.base


def bake(
    manifest: Manifest, clients: Clients, report: Reporter, on_failure: OnFailure, *, no_cache: bool = False
) -> str:
    """Build, test and publish an image; return its id.

    Nothing temporary is left, whatever happens; with ``OnFailure.KEEP`` the builder of a failed build stays.
    With ``no_cache`` it starts from the base image whatever layers there are. Raises HubsmithError or what
    botocore raised.
    """
    with start(manifest.builder) as run, report.logging_to(run.folder / "build.log"):
        report.note(f"{run.id}, log {run.folder / 'build.log'}")
        state = Bake(manifest, clients, run, report, no_cache)
        try:
            with manifest.located():
                Runner[Bake](report, on_failure).run(steps(state), state)
        except BaseException:
            if on_failure is OnFailure.KEEP and (words := how_to_look_inside(state)):
                report.note(words)
            raise
        finally:
            if words := kept.in_words(state):
                report.note(words)
        return state.image_id
