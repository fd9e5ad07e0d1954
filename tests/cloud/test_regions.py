"""publish.regions: a build whose image is copied to another region, published, launched and pruned there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from localcloud.faults import client
from tests.cloud.invoke_runner import InvokeRunner
from tests.cloud.project import Project

pytestmark = [pytest.mark.vm, pytest.mark.turn]
HERE, THERE = "us-east-1", "eu-west-1"
PARAMETER = "/test/abroad/latest"
ALONE = ("--set", f"region={THERE}", "--set", "publish.regions=[]")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, runner: InvokeRunner) -> Iterator[Project]:
    made = Project.copy(tmp_path_factory.mktemp("regions") / "project", runner, "abroad")
    made.edit("manifest.yaml", "publish: {", f"publish: {{regions: [{THERE}], ")
    yield made
    for region in (HERE, THERE):
        for image in images(runner, region):
            runner.client("ec2", region).deregister_image(ImageId=image, DeleteAssociatedSnapshots=True)


@pytest.fixture(scope="module")
def built(project: Project) -> dict[str, str]:
    """{region: the image's id}."""
    done = project.invoke("build-ami")
    assert done.status == 0, done.err
    return {HERE: done.last, **project.runner.record(done.last)["copies"]}


def images(runner: InvokeRunner, region: str) -> dict[str, dict[str, str]]:
    """{id: its tags} of the images of this project."""
    found = runner.client("ec2", region).describe_images(
        Owners=["self"], Filters=[{"Name": "tag:hubsmith:image", "Values": ["abroad"]}]
    )["Images"]
    return {image["ImageId"]: {tag["Key"]: tag["Value"] for tag in image["Tags"]} for image in found}


def snapshots(runner: InvokeRunner, region: str) -> set[str]:
    found = runner.client("ec2", region).describe_snapshots(OwnerIds=["self"])["Snapshots"]
    return {snapshot["SnapshotId"] for snapshot in found}


def published(runner: InvokeRunner, region: str) -> Any:
    return runner.client("ssm", region).get_parameter(Name=PARAMETER)["Parameter"]["Value"]


def test_each_region_has_an_image_of_its_own(runner: InvokeRunner, built: dict[str, str]) -> None:
    assert built[HERE] != built[THERE]
    for region, image in built.items():
        assert published(runner, region) == image
        found = images(runner, region)
        assert list(found) == [image]
        assert (found[image]["hubsmith:state"], found[image]["hubsmith:channel"]) == ("published", "stable")
        assert "hubsmith:expires" not in found[image]
    source, copied = (images(runner, region)[image] for region, image in built.items())
    assert source == copied


def test_a_machine_of_the_copy_passes_the_tests(project: Project, built: dict[str, str]) -> None:
    done = project.invoke("verify", "--ami", built[THERE], *ALONE)
    assert done.status == 0, done.err


def test_the_copy_is_listed_with_its_region(project: Project, built: dict[str, str]) -> None:
    """Beside the images of other tests: the command lists all that the account has."""

    def listed(*choice: str) -> set[tuple[str, str]]:
        rows = project.json("images", *choice)
        return {(row.get("region", ""), row["id"]) for row in rows if row["image"] == "abroad"}

    assert listed() == set(built.items())
    lines = [line.split("\t") for line in project.invoke("images").out.splitlines()]
    assert {(region, image) for region, image, name, *_ in lines if name.startswith("abroad-")} == set(
        built.items()
    )
    assert {image for _, image in listed(*ALONE)} == {built[THERE]}


def test_a_build_that_cannot_copy_leaves_nothing_in_any_region(
    project: Project, runner: InvokeRunner, built: dict[str, str]
) -> None:
    before = [(images(runner, region), snapshots(runner, region)) for region in (HERE, THERE)]
    client.add(runner.endpoint, [{"kind": "error", "call": "PutParameter", "code": "InternalFailure"}])
    client.add(runner.endpoint, [{"kind": "error", "call": "CopyImage", "code": "AnswerLost", "times": 1}])
    try:
        done = project.invoke("build-ami")
    finally:
        client.clear(runner.endpoint)
    assert done.status == 1, done.err
    assert [(images(runner, region), snapshots(runner, region)) for region in (HERE, THERE)] == before


def test_prune_looks_into_every_region(project: Project, runner: InvokeRunner, built: dict[str, str]) -> None:
    newer = project.invoke("build-ami")
    assert newer.status == 0, newer.err
    for region, image in built.items():
        assert "hubsmith:channel" not in images(runner, region)[image], "a newer one has it"
    done = project.invoke("prune", "--yes", "--set", "retention.keep=1")
    assert done.status == 0, done.err
    copies = runner.record(newer.last)["copies"]
    assert (list(images(runner, HERE)), list(images(runner, THERE))) == ([newer.last], [copies[THERE]])
    for region, image in built.items():
        assert image in " ".join(line for line in done.out.splitlines() if line.startswith(region))


def test_a_region_that_is_not_enabled_is_told_of_first(project: Project, runner: InvokeRunner) -> None:
    before = runner.listing()
    done = project.invoke("build-ami", "--set", "publish.regions=[af-south-1]")
    assert done.status == 1, done.err
    assert "is the region enabled for this account?" in " ".join(done.err.split())
    assert runner.listing() == before
