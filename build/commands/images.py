"""Images: check, plan, build-ami, verify, images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from build.commands.common import JSON, cli_session, connect_to, parse_on_failure
from build.commands.options import ManifestOptions, manifest_task
from build.commands.regions import show_by_region, with_copies
from build.errors import UserError
from build.report.reporter import Reporter

if TYPE_CHECKING:
    from build.bake.state import TestRun
    from build.manifest import Manifest
    from build.remote.ssh_target import SshTarget


@manifest_task()
def check(choice: ManifestOptions) -> None:
    """Check the manifest: every mistake, with its line and column."""
    from build.bake import image_tests
    from build.bake.plan import test_files

    with cli_session() as report:
        manifest = choice.load(building=True)
        image_tests.collect(manifest, test_files(manifest))
        if manifest.not_reproducible:
            report.note(manifest.not_reproducible)
        report.result(
            f"{choice.manifest}: fine; {len(manifest.provisioners)} provisioners, cloud {manifest.cloud}"
        )


@manifest_task(help=JSON)
def plan(choice: ManifestOptions, json: bool = False) -> None:
    """Show what a build would do, from what, and why.

    Launches nothing, and looks for what would stop a build before its start.
    The local cloud's base image is built if it is missing.
    """
    from build.bake import image_tests, layers, plan_table
    from build.bake.inputs.inputs import Inputs
    from build.bake.plan import plan as plan_of
    from build.bake.plan import test_files
    from build.bake.published import facts_of, newest_published
    from build.bake.recipe import look

    with cli_session() as report:
        chosen = choice.load(building=True)
        image_tests.collect(chosen, test_files(chosen))
        clients = connect_to(chosen, report, base=True)
        newest = newest_published(chosen, clients, report.warn)
        base = look(chosen, clients, report)
        layer_choices = layers.find_layers(
            chosen, clients, Inputs.from_manifest(chosen, base.id, base.name, base.login_user)
        )
        hits = {
            layer_choice.provisioner: f"{'hit' if layer_choice.layer else 'miss'}: {layer_choice.why}"
            for layer_choice in layer_choices
        }
        published = facts_of(newest) if newest else None
        planned = plan_of(chosen, base, str(clients), published, hits, layers.start_of(layer_choices))
        report.document(planned.document()) if json else report.sheet(plan_table.rows(planned))


@manifest_task(
    name="build-ami",
    aliases=["build", "bake"],
    help=JSON
    | {
        "on-failure": "cleanup|keep  keep leaves the machine of a failed build running (default: cleanup)",
        "no-cache": "Do not start from a layer of an earlier build",
        "verbose": "Show the output of commands too; without a terminal it is always shown",
    },
)
def build_ami(
    choice: ManifestOptions,
    on_failure: str = "cleanup",
    no_cache: bool = False,
    verbose: bool = False,
    json: bool = False,
) -> None:
    """Build an image, test it, publish it and print its id.

    `invoke build` and `invoke bake` are the same command.
    """
    from build.bake import image_tests
    from build.bake.plan import test_files
    from build.bake.recipe import bake

    with cli_session(verbose=verbose) as report:
        when_failed = parse_on_failure(on_failure)
        chosen = choice.load(building=True)
        image_tests.collect(chosen, test_files(chosen))
        clients = connect_to(chosen, report, base=True)
        image_id = bake(chosen, clients, report, when_failed, no_cache=no_cache)
        report.document({"image_id": image_id}) if json else report.result(image_id)


@manifest_task(
    help=JSON
    | {
        "ami": "AMI-ID  Test this image, on an instance of its own",
        "host": "HOST  Test this machine, by ssh",
        "domain": "DOMAIN  Test this hub, as its operator",
        "operator-key": "FILE  With --domain, --host: private key to log in with",
        "user": "NAME  With --host: the user to log in as",
        "identity": "FILE  The same as --operator-key, as it was called with --host",
        "port": "NUMBER  With --host: port of its sshd",
        "known-hosts": "FILE  With --host: its host key (default: your own known_hosts)",
        "heavy": "With --host, --domain: also run disruptive tests (load, restarts, 100 MB)",
        "verbose": "Show every test too; without a terminal they are always shown",
    }
)
def verify(
    choice: ManifestOptions,
    ami: str = "",
    host: str = "",
    domain: str = "",
    operator_key: str = "",
    user: str = "",
    identity: str = "",
    port: int = 0,
    known_hosts: str = "",
    heavy: bool = False,
    verbose: bool = False,
    json: bool = False,
) -> None:
    """Run the image tests against an image, a hub or a machine.

    Prints where their JUnit files are. One of --ami, --domain and --host is
    required.
    """
    from build.bake.recipe import verify as verify_image
    from build.remote.ssh_target import SshTarget

    with cli_session(verbose=verbose) as report:
        _check_target(ami, host, domain)
        operator_key = _one_key(operator_key, identity, report)
        chosen = choice.load()
        if ami:
            tests, folder = verify_image(chosen, connect_to(chosen, report), report, ami)
        elif domain:
            tests, folder = _verify_hub(chosen, domain, operator_key, report, heavy=heavy)
        else:
            target = SshTarget(host, user, _file(operator_key), _file(known_hosts), port or None)
            tests, folder = _verify_host(chosen, target, report, heavy=heavy)
        _tell(tests, folder, report, json=json)


def _check_target(ami: str, host: str, domain: str) -> None:
    """Raise UserError unless exactly one is given, and the image's id is one."""
    from build.launch.options import is_image_id

    if sum(map(bool, (ami, host, domain))) != 1:
        raise UserError(
            "verify needs one of --ami, --domain and --host",
            hint="invoke verify --ami ami-…, or --domain hub.example.org",
        )
    if ami and not is_image_id(ami):
        raise UserError(f"--ami {ami}: not the id of an image", hint="`invoke images` lists them")


def _verify_hub(
    manifest: Manifest, domain: str, operator_key: str, report: Reporter, *, heavy: bool
) -> tuple[list[TestRun], Path]:
    from build.hubs.hub import Hub
    from build.images import verify_host as verifier
    from build.operate.ssh import ssh_session

    clients = connect_to(manifest, report)
    with ssh_session(Hub.named(domain), clients, manifest, report, operator_key) as session:
        address = session.target.address
        summary, folder = verifier.verify(manifest, address, session.config, heavy=heavy, report=report)
    return [summary], folder


def _verify_host(
    manifest: Manifest, target: SshTarget, report: Reporter, *, heavy: bool
) -> tuple[list[TestRun], Path]:
    from build.images import verify_host as verifier

    with verifier.reached(target) as config:
        summary, folder = verifier.verify(manifest, target.address, config, heavy=heavy, report=report)
    return [summary], folder


def _tell(tests: Sequence[TestRun], folder: Path, report: Reporter, *, json: bool) -> None:
    report.note(f"JUnit files: {folder}/tests-*.xml")
    rows = [
        (test.stage, f"{test.passed} passed", f"{test.skipped} skipped", f"{test.seconds:.0f} s")
        for test in tests
    ]
    report.document(
        {"tests": [asdict(test) for test in tests], "folder": str(folder)}
    ) if json else report.table(("",) * 4, rows)


def _one_key(operator_key: str, identity: str, report: Reporter) -> str:
    """--operator-key; --identity is taken with a note. Raises UserError where the two differ."""
    if not identity:
        return operator_key
    if operator_key and operator_key != identity:
        raise UserError("--identity and --operator-key are the same option", hint="give --operator-key alone")
    report.note("--identity is now called --operator-key; both work")
    return identity


def _file(given: str) -> Path | None:
    return Path(given) if given else None


@manifest_task(help=JSON)
def images(choice: ManifestOptions, json: bool = False) -> None:
    """List the images, newest first."""
    from build.bake.published import newest_published
    from build.images import listing as image_list

    with cli_session() as report:
        chosen = choice.load()
        regions = with_copies(chosen, connect_to(chosen, report))
        found = [(clients, image_list.list_images(clients)) for clients in regions]
        for clients in regions:
            newest_published(chosen, clients, report.warn)  # for its warning
        show_by_region(report, image_list.COLUMNS, image_list.cells, found, json=json)
