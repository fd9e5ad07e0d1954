"""What can be known to go wrong is said before anything is made, with the manifest's key to change."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from build.bake.steps import preflight
from build.errors import UserError
from build.manifest import Builder


def state(
    images: Sequence[dict[str, Any]] = (),
    offered: Sequence[str] = ("t3.large",),
    runs: str = "x86_64",
    **settings: Any,
) -> Any:
    """Of a build in an account with these images of its own, in a region with these instance types."""
    ec2 = SimpleNamespace(
        describe_images=lambda Owners, Filters: {"Images": list(images)},
        describe_instance_type_offerings=lambda Filters: {
            "InstanceTypeOfferings": [{"InstanceType": name} for name in offered]
        },
        describe_instance_types=lambda InstanceTypes: {
            "InstanceTypes": [
                {"InstanceType": name, "ProcessorInfo": {"SupportedArchitectures": [runs]}}
                for name in InstanceTypes
            ]
        },
    )
    builder = Builder.model_validate({"instance_types": ("t3.large",), **settings})
    return SimpleNamespace(
        image_name="jupyterhub-20261126-1",
        base=SimpleNamespace(architecture="x86_64", root_size_gib=8),
        clients=SimpleNamespace(ec2=ec2, cloud=SimpleNamespace(region="us-east-1")),
        manifest=SimpleNamespace(builder=builder, path="manifest.yaml"),
    )


def test_what_can_work_is_let_through() -> None:
    for check in (preflight.check_name_free, preflight.check_root_volume, preflight.check_instance_types):
        check(state())


def test_a_name_that_is_taken() -> None:
    with pytest.raises(UserError, match=r"image\.name: jupyterhub-20261126-1 already exists: ami-1"):
        preflight.check_name_free(state(images=[{"ImageId": "ami-1"}]))


def test_a_root_volume_smaller_than_the_base_images() -> None:
    with pytest.raises(
        UserError, match=r"builder\.root_volume\.size_gib: 4 GiB is less than the base image's 8 GiB"
    ) as caught:
        preflight.check_root_volume(state(root_volume={"size_gib": 4}))
    assert caught.value.where == "manifest.yaml"


def test_an_instance_type_that_the_region_does_not_have() -> None:
    with pytest.raises(UserError, match=r"builder\.instance_types: x9\.nano not offered in us-east-1"):
        preflight.check_instance_types(state(instance_types=("x9.nano", "t3.large")))


def test_an_instance_type_of_other_processors() -> None:
    with pytest.raises(UserError, match=r"builder\.instance_types: t3\.large runs arm64, not x86_64"):
        preflight.check_instance_types(state(runs="arm64"))
