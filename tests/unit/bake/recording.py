"""What the steps of a build send to a builder, recorded and compared with what is kept in sent/.

The steps are those of a build, with its real ssh and EC2 clients; at the wire somebody else answers and
writes down what arrives. As a program it renews what is kept: .venv/bin/python -m tests.unit.bake.recording
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from unittest.mock import patch

from build.aws.placements import Placement
from build.aws.session import Clients, Cloud
from build.bake import instances, layers, recipe
from build.bake.inputs.builder_version import BUILDER_RECIPE, IMAGE_RECIPE
from build.bake.inputs.inputs import Inputs
from build.bake.run import Run
from build.bake.state import Bake, BaseImage, BuilderNetwork
from build.bake.steps.builder import LaunchBuilder
from build.bake.steps.check_installer import CheckInstaller
from build.bake.steps.image import CreateImage, StopBuilder
from build.bake.steps.preflight import Preflight
from build.bake.steps.provision import Provision
from build.bake.steps.restore_layer import FindLayer, PrepareBuilder
from build.bake.steps.save_layer import SaveLayer
from build.bake.steps.seal import Seal
from build.bake.steps.security_group import CreateSecurityGroup
from build.bake.steps.source_image import FindBaseImage
from build.bake.steps.verify import Verify
from build.manifest import Manifest, load
from build.pipeline import Step
from build.remote import keys
from build.remote.shell import Shell
from build.report.reporter import Reporter
from tests.unit.bake.wire import Channel, Wire

RECORDED: Mapping[type[Step[Bake]], str] = {
    LaunchBuilder: "launch",
    FindLayer: "start from a layer",
    PrepareBuilder: "start from a layer",
    Provision: "provision",
    SaveLayer: "keep a layer",
    Seal: "seal",
    StopBuilder: "create the image",
    CreateImage: "create the image",
}
"""Steps that do something to a builder or make the image of it, by the name of their recipe number."""
NOT_RECORDED = (FindBaseImage, Preflight, CheckInstaller, CreateSecurityGroup, Verify)
"""They look, open the way to the builder, or test it."""
ORDER = "order of the steps"
NUMBERS = {**BUILDER_RECIPE, **IMAGE_RECIPE}
COMMAND = ".venv/bin/python -m tests.unit.bake.recording"
REPO = Path(__file__).parents[3]
KEPT = Path(__file__).with_name("sent")
_NUMBERS_IN = "build/bake/inputs/builder_version.py"

_BASE_ID = "ami-base"
_EXAMPLE = {
    "manifest.yaml": (
        "image: {name: example, description: an example}\n"
        'base: {owner: "000000000000", name: "example-*", login_user: admin}\n'
        "builder:\n"
        "  instance_types: [t3.nano]\n"
        "  caller_cidr: 127.0.0.1/32\n"
        "  root_volume: {size_gib: 9}\n"
        "  mirrors:\n"
        "    pypi: https://pypi.example.org/simple\n"
        "    npm: https://npm.example.org\n"
        "    conda: https://conda.example.org\n"
        "    apt: https://apt.example.org/debian\n"
        "provisioners: [first, {name: second, variables: {words: it's so, count: 2, names: [a, b c], "
        "places: {x: [1]}}}]\n"
    ),
    "provisioners/first/provisioner.yaml": "summary: nothing but a script\n",
    "provisioners/first/install.sh": "true\n",
    "provisioners/second/provisioner.yaml": (
        "summary: all that can be sent\n"
        'files: {/etc/second.conf: {mode: "0640", group: adm}}\n'
        "variables:\n"
        "  {words: {default: ''}, count: {default: 1}, names: {default: []}, places: {default: {}}, "
        "nothing: {}, on: {default: true}}\n"
    ),
    "provisioners/second/install.sh": "echo second\n",
    "provisioners/second/files/etc/second.conf.j2": "{{ words }} {{ count }}\n",
    "provisioners/second/files/usr/bin/second": "#!/bin/sh\n",
}


def record() -> dict[str, str]:
    """What is sent, by the name of the recipe number that stands for it."""
    found: dict[str, list[str]] = {name: [] for name in NUMBERS}
    with tempfile.TemporaryDirectory() as folder:
        manifest = an_example(Path(folder))
        for title, has_layer in (("from the base image", False), ("from a layer", True)):
            for step, lines in _run(manifest, Path(folder), has_layer=has_layer):
                # Not by the step's title: other words for it are no change.
                found[RECORDED[type(step)]] += [f"== {title}", *lines] if lines else []
                if not has_layer:
                    found[ORDER].append(RECORDED[type(step)])
    return {name: "\n".join(lines) + "\n" for name, lines in found.items()}


def steps(state: Bake) -> list[Step[Bake]]:
    """Those of a build until there is an image."""
    whole = recipe.steps(state)
    return whole[: 1 + next(number for number, step in enumerate(whole) if isinstance(step, CreateImage))]


def _run(manifest: Manifest, folder: Path, *, has_layer: bool) -> Iterator[tuple[Step[Bake], list[str]]]:
    now = Inputs.from_manifest(manifest, _BASE_ID, "example-1", "admin")
    tags = {"hubsmith:layer": layers.key_of(now, 0), "hubsmith:since": datetime.now(timezone.utc).isoformat()}
    wire = Wire(layer_tags=tags if has_layer else None)
    state = wire.state = a_build(manifest, folder, wire.ec2())
    state.inputs = now
    with ExitStack() as stack:
        for owner, name, double in (
            (Shell, "__enter__", lambda shell: shell),
            (Shell, "_channel", lambda _: Channel(wire)),
            (instances, "greets", lambda *_: True),
        ):
            stack.enter_context(patch.object(owner, name, double))
        for step in steps(state):
            if type(step) in RECORDED:
                step.run(state)
                yield step, wire.log
                wire.log = []


def a_build(manifest: Manifest, folder: Path, ec2: Any) -> Bake:
    """The state of a build whose first steps are done."""
    started = datetime(2026, 1, 1, tzinfo=timezone.utc)
    run = Run(
        "run-20260101-000000-0000",
        "ada@example",
        started,
        started + timedelta(minutes=90),
        folder,
        keys.generate(),
    )
    clients = Clients(Cloud("example", "us-east-1"), "000000000000", ec2, nobody(), nobody(), nobody())
    state = Bake(manifest, clients, run, Reporter(quiet=True))
    state.base = BaseImage(_BASE_ID, "example-1", "000000000000", "x86_64", "/dev/xvda", 8, "admin")
    state.network = BuilderNetwork("vpc-1", ("127.0.0.1/32",), "sg-1")
    state.placements = (Placement("t3.nano"),)
    return state


def nobody() -> Any:
    """In place of what no step of these asks."""
    return None


def an_example(folder: Path) -> Manifest:
    """A project in that folder: two provisioners, and what can be sent of them."""
    for name, text in _EXAMPLE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o755 if "/bin/" in name else 0o644)
    (folder / "tests/image").mkdir(parents=True)
    (folder / "provisioners/second/files/etc/link").symlink_to("second.conf")
    manifest = load(folder / "manifest.yaml")
    first, second = manifest.provisioners
    return replace(
        manifest, provisioners=(first, replace(second, lock_files={"pip": "a==1 --hash=sha256:0\n"}))
    )


def kept_in(name: str) -> Path:
    """The file that holds what was sent when the number was set."""
    return KEPT / f"{name.replace(' ', '-')}.txt"


def complaint(name: str, sent: str) -> str | None:
    """What there is to do because ``sent`` or the recipe number is not as kept; None if both are."""
    number, text = _kept(name)
    if (number, text) == (NUMBERS[name], sent):
        return None
    mapping = "BUILDER_RECIPE" if name in BUILDER_RECIPE else "IMAGE_RECIPE"
    file = kept_in(name).relative_to(REPO)
    if text != sent and number >= NUMBERS[name]:
        return (
            f"what {name!r} sends to the builder has changed: bump {mapping}[{name!r}] in "
            f"{_NUMBERS_IN} and note why, "
            f"then update {file} by {COMMAND}"
        )
    return f"the recipe number of {name!r} is not that of {file}: update it by {COMMAND}"


def _kept(name: str) -> tuple[int, str]:
    try:
        first, _, text = kept_in(name).read_text(encoding="utf-8").partition("\n")
    except FileNotFoundError:
        return 0, ""
    return int(first.removeprefix("recipe ")), text


def renew() -> int:
    """Keep what is sent now, wherever its number was counted up; returns the exit code."""
    refused = 0
    for name, sent in record().items():
        words = complaint(name, sent)
        if words and " bump " in words:
            sys.stderr.write(f"{words}\n")
            refused = 1
        elif words:
            kept_in(name).write_text(f"recipe {NUMBERS[name]}\n{sent}", encoding="utf-8")
    return refused


if __name__ == "__main__":
    sys.exit(renew())
