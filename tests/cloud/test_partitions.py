"""A build in China and in GovCloud: the partition goes with the region."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cloud.invoke_runner import InvokeRunner
from tests.cloud.project import Project

pytestmark = [pytest.mark.vm, pytest.mark.turn]
PARTITIONS = {"cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov"}


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.matrix) for name in PARTITIONS])
def region(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def project(tmp_path: Any, runner: InvokeRunner, region: str) -> Iterator[Project]:
    made = Project.copy(tmp_path / "project", runner, "elsewhere")
    made.edit("manifest.yaml", "cloud: local", f"cloud: local\nregion: {region}")
    yield made
    ec2 = runner.client("ec2", region)
    for image in ec2.describe_images(Owners=["self"])["Images"]:
        ec2.deregister_image(ImageId=image["ImageId"], DeleteAssociatedSnapshots=True)


def test_an_image_is_built_and_published_there(project: Project, runner: InvokeRunner, region: str) -> None:
    planned = project.json("plan")
    assert region in planned["cloud"]
    done = project.invoke("build-ami")
    assert done.status == 0, done.err
    parameter = runner.client("ssm", region).get_parameter(Name="/test/elsewhere/latest")["Parameter"]
    assert parameter["Value"] == done.last
    assert parameter["ARN"].startswith(f"arn:{PARTITIONS[region]}:ssm:{region}:")
    assert runner.client("ec2").describe_images(Owners=["self"], Filters=named("elsewhere"))["Images"] == []


def named(image: str) -> list[dict[str, Any]]:
    return [{"Name": "tag:hubsmith:image", "Values": [image]}]
