"""A site without internet for conda: the shipped manifest in its own folder, with the tests' mirror."""

from __future__ import annotations

from dataclasses import dataclass

from localcloud.server import control
from tests.cloud.distributions import mirror as mirrors
from tests.cloud.distributions.mirror import Mirror
from tests.cloud.distributions.test_distributions import FILE
from tests.cloud.project import Project
from tests.cloud.workshop import Done, Workshop

BAKE_S = 3600
LAYER = "hubsmith: half-way of a build"
ENVIRONMENT = f"""\
channels: [conda-forge]
dependencies:
  - greeting{{older}}
{"".join(f"  - {name}" for name in mirrors.WANTED)}
  - pip:
      - cowsay{{older_of_pip}}
"""


@dataclass(frozen=True)
class Site:
    """A project on a site without internet for conda: its machines know the mirror by another address."""

    project: Project
    mirror: Mirror

    @property
    def url(self) -> str:
        """Of the mirror, as machines see it."""
        return self.mirror.url.replace(control.ADDRESS, control.GUESTS_VIEW)

    def options(
        self, distribution: str, mirror: str, digest: str | None = None, file: str = "Distribution"
    ) -> list[str]:
        digest = digest or self.mirror.sha256(FILE)
        urls = f"['{self.url}/gone.sh', '{self.url}/{file}-{{version}}-{{arch}}.sh']"
        installer = (
            f"{{version: '1.0', python: '3.13', urls: {urls}, sha256: {{x86_64: '{digest}', aarch64: "
            f"'{digest}'}}}}"
        )
        chosen = (
            f"python.distribution={distribution}",
            f"python.installers.{distribution}={installer}",
            f"builder.mirrors.conda={mirror}/conda",
        )
        return [word for one in chosen for word in ("--set", one)]

    def lock(self, distribution: str) -> None:
        """From here, where the mirror is on loopback; conda and pip had nothing newer than greeting 1.0 and
        cowsay 6.0 before.
        """
        for older, older_of_pip in (("<2", "<6.1"), ("", "")):
            self.want(ENVIRONMENT.format(older=older, older_of_pip=older_of_pip))
            done = self.project.invoke(
                "lock",
                *self.options(distribution, self.mirror.url),
                "--set",
                "python.environment=environment.yml",
            )
            assert done.status == 0, done.err

    def want(self, environment: str) -> None:
        (self.project.folder / "environment.yml").write_text(environment)

    def bake(self, distribution: str, *more: str) -> Done:
        return self.bake_with(self.options(distribution, self.url), *more)

    def bake_with(self, chosen: list[str], *more: str) -> Done:
        options = (*self.project.options, *chosen, "--set", "python.environment=environment.yml", *more)
        return self.project.workshop.invoke("build-ami", *options, timeout_s=BAKE_S)


def without_layers(workshop: Workshop) -> dict[str, list[str]]:
    """What there is, but for what a build leaves of its first steps for the next one."""
    ec2 = workshop.client("ec2")
    images, snapshots = (
        ec2.describe_images(Owners=["self"])["Images"],
        ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"],
    )
    kept = {
        "images": [image["ImageId"] for image in images if not image["Description"].startswith(LAYER)],
        "snapshots": [
            snapshot["SnapshotId"] for snapshot in snapshots if not snapshot["Description"].startswith(LAYER)
        ],
    }
    return {**workshop.listing(), **{kind: sorted(ids) for kind, ids in kept.items()}}
