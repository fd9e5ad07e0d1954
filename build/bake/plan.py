"""What a build would do, from what and why: nothing is made and no cloud is asked, only files are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from build.aws import tags
from build.bake.inputs import inputs
from build.bake.inputs.fingerprint import Fingerprint
from build.bake.inputs.inputs import Inputs
from build.bake.published import PUBLISHED, Published
from build.manifest import Manifest, ProvisionerUse, template_variables
from build.manifest.yaml.frozen import to_plain

WHOLE_IMAGE_TEST = "test_image.py"
OUTSIDE_TEST = "test_sealed.py"
"""Run once, against the files of the finished image (steps/inspect_disk.py)."""


class BaseImageFacts(Protocol):
    """What a plan has to know about the base image; build.bake.state.BaseImage has it."""

    @property
    def id(self) -> str:
        """ami-…"""

    @property
    def name(self) -> str:
        """Its name, which says how new it is."""

    @property
    def owner(self) -> str:
        """The account that publishes it."""

    @property
    def architecture(self) -> str:
        """x86_64 or arm64."""

    @property
    def login_user(self) -> str:
        """The user it lets in by ssh."""


@dataclass(frozen=True)
class PlannedProvisioner:
    """One provisioner: what it gets, and what its part of the image is called."""

    name: str
    summary: str
    values: Mapping[str, object]
    timeout_minutes: int
    fingerprint: str
    layer: str


@dataclass(frozen=True)
class Plan:
    """Everything that can be said before the first thing is made.

    `image_name` has the place of time and run in it.
    """

    cloud: str
    manifest: Path
    profiles: tuple[str, ...]
    image_name: str
    base: Mapping[str, str]
    base_reason: str
    start: str
    builder: Mapping[str, object]
    network: Mapping[str, object]
    provisioners: tuple[PlannedProvisioner, ...]
    tests: tuple[str, ...]
    tags: Mapping[str, str]
    publish: tuple[str, ...]
    reason: str | None
    not_reproducible: str | None = None

    def document(self) -> dict[str, Any]:
        """The plan as JSON can carry it."""
        steps = [{**asdict(step), "values": to_plain(step.values)} for step in self.provisioners]
        whole = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {
            **{name: to_plain(value) for name, value in whole.items()},
            "manifest": str(self.manifest),
            "provisioners": steps,
        }


def plan(
    manifest: Manifest,
    base: BaseImageFacts,
    cloud: str,
    published: Published | None = None,
    layers: Mapping[str, str] = MappingProxyType({}),
    start: str = "the base image",
) -> Plan:
    """The plan for `manifest` on top of `base`. `cloud` says which cloud, account and region it is.

    `layers` says for each provisioner which layer there is or why none, `start` what the builder will be
    launched from. With `published` it also says what is new since then. Raises OSError for a provisioner file
    that cannot be read.
    """
    made_of = Inputs.from_manifest(manifest, base.id, base.name, base.login_user)
    return Plan(
        cloud=cloud,
        manifest=manifest.path,
        profiles=manifest.profiles,
        image_name=f"{manifest.image.name}-<time>-<run>",
        base=_base(base),
        base_reason=_base_reason(manifest),
        start=start,
        builder=_builder(manifest),
        network=_network(manifest),
        provisioners=tuple(
            _step(use, mark, layers.get(use.name, ""))
            for use, mark in zip(manifest.provisioners, made_of.fingerprints, strict=True)
        ),
        tests=tuple(path.relative_to(manifest.folder).as_posix() for path in test_files(manifest)),
        tags=_tags(manifest, base, made_of),
        publish=tuple(_publish(manifest)),
        reason=_reason(published, made_of) if published else None,
        not_reproducible=manifest.not_reproducible,
    )


def test_files(manifest: Manifest) -> tuple[Path, ...]:
    """test_<provisioner>.py, <provisioner>/test_*.py of each provisioner used, test_image.py: those there."""
    found: list[Path] = []
    for use in manifest.provisioners:
        name = use.name.replace("-", "_")
        found += [
            manifest.tests_folder / f"test_{name}.py",
            *sorted((manifest.tests_folder / name).glob("test_*.py")),
        ]
    return tuple(path for path in (*found, manifest.tests_folder / WHOLE_IMAGE_TEST) if path.is_file())


test_files.__test__ = False  # type: ignore[attr-defined]  # pytest must not collect it where it is imported


def _step(use: ProvisionerUse, mark: Fingerprint, layer: str) -> PlannedProvisioner:
    made_by = use.definition
    return PlannedProvisioner(
        use.name, made_by.summary, template_variables(use), made_by.timeout_minutes, mark.digest, layer
    )


def _base(base: BaseImageFacts) -> dict[str, str]:
    return {
        "id": base.id,
        "name": base.name,
        "owner": base.owner,
        "architecture": base.architecture,
        "login_user": base.login_user,
    }


def _base_reason(manifest: Manifest) -> str:
    base = manifest.base
    if base.id:
        return "its id is in the manifest"
    if base.ssm_parameter:
        return f"{base.ssm_parameter} holds its id"
    return f"the newest of owner {base.owner} named {base.name}"


def _reason(published: Published, made_of: Inputs) -> str:
    changes = inputs.diff_tags(made_of, published.tags)
    if not inputs.is_comparable(published.tags):
        return f"{published.image_id} is due: {'; '.join(changes)}"
    if not changes:
        return (
            f"{published.image_id} is up to date: a build would only bring newer packages from the registries"
        )
    return f"{published.image_id} differs: {'; '.join(changes)}"


def _builder(manifest: Manifest) -> dict[str, object]:
    builder = manifest.builder
    volume = {name: value for name, value in builder.root_volume.model_dump().items() if value is not None}
    mirrors = {name: value for name, value in builder.mirrors.model_dump().items() if value is not None}
    types = list(builder.instance_types)
    return {
        "instance_types": types,
        "root_volume": volume,
        "lifetime_minutes": builder.lifetime_minutes,
        "mirrors": mirrors,
    }


def _network(manifest: Manifest) -> dict[str, object]:
    builder = manifest.builder
    return {
        "vpc": builder.vpc_id or "the default VPC",
        "subnet": " or ".join(builder.subnets) or "one of the default VPC, in a zone that offers the type",
        "address": builder.address,
        "ssh_from": ", ".join(builder.caller_cidr or ())
        or f"this machine's address, as {builder.caller_ip_url} sees it",
    }


def _tags(manifest: Manifest, base: BaseImageFacts, made_of: Inputs) -> dict[str, str]:
    """Those known now; the run adds its own (run, owner)."""
    return {
        **manifest.image.tags,
        **manifest.publish.tags,
        tags.IMAGE: manifest.image.name,
        **made_of.tags(),
        tags.LOGIN_USER: base.login_user,
        tags.STATE: PUBLISHED,
        tags.CHANNEL: manifest.publish.channel,
    }


def _publish(manifest: Manifest) -> Iterator[str]:
    if regions := manifest.publish.regions:
        yield f"copy the image to {', '.join(regions)}, and do there what follows as well"
    if others := manifest.publish.launch_permissions.named:
        yield f"let {', '.join(others)} launch the image"
    yield f"tag image and snapshots as published, channel {manifest.publish.channel}"
    yield f"take the channel {manifest.publish.channel} from older images named {manifest.image.name}"
    if manifest.ssm_parameter:
        yield f"let the parameter {manifest.ssm_parameter} hold the image's id"
