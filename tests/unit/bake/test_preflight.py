"""What can be known to go wrong is said before anything is made, with the manifest's key to change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest

from build.bake.steps import preflight
from build.errors import UserError
from build.manifest import Builder

SUBNETS = {"us-east-1b": "subnet-0bbbbbbbbbbbbbbbb", "us-east-1a": "subnet-0aaaaaaaaaaaaaaaa"}


def state(
    images: Sequence[dict[str, Any]] = (),
    offered: Sequence[str] = ("t3.large",),
    runs: str = "x86_64",
    nvme: str = "required",
    zones: Sequence[str] = ("us-east-1a", "us-east-1b"),
    vpcs: Mapping[str, str] = MappingProxyType({}),
    **settings: Any,
) -> Any:
    """Of a build in an account with these images of its own, whose region has these types in these zones."""
    offers = [{"InstanceType": kind, "Location": zone} for kind in offered for zone in zones]
    subnets = [
        {"SubnetId": subnet, "AvailabilityZone": zone, "VpcId": vpcs.get(zone, "vpc-1")}
        for zone, subnet in SUBNETS.items()
    ]
    pages = SimpleNamespace(paginate=lambda **_: [{"InstanceTypeOfferings": offers}])
    ec2 = SimpleNamespace(
        describe_images=lambda Owners, Filters: {"Images": list(images)},
        describe_subnets=lambda SubnetIds=(), Filters=(): {
            "Subnets": [one for one in subnets if not SubnetIds or one["SubnetId"] in SubnetIds]
        },
        get_paginator=lambda _: pages,
        describe_instance_types=lambda InstanceTypes: {
            "InstanceTypes": [
                {
                    "InstanceType": name,
                    "ProcessorInfo": {"SupportedArchitectures": [runs]},
                    "EbsInfo": {"NvmeSupport": nvme},
                }
                for name in InstanceTypes
            ]
        },
    )
    builder = Builder.model_validate({"instance_types": ("t3.large",), **settings})
    warnings: list[str] = []
    return SimpleNamespace(
        image_name="jupyterhub-20261126-1",
        base=SimpleNamespace(architecture="x86_64", root_size_gib=8),
        clients=SimpleNamespace(ec2=ec2, cloud=SimpleNamespace(region="us-east-1")),
        manifest=SimpleNamespace(builder=builder, path="manifest.yaml"),
        report=SimpleNamespace(warn=warnings.append, warnings=warnings),
    )


def test_what_can_work_is_let_through() -> None:
    preflight.check_name_free(state())
    preflight.check_root_volume(state())
    assert list(map(str, preflight.find_placements(state()))) == [
        "t3.large in us-east-1a",
        "t3.large in us-east-1b",
    ]


def test_a_name_that_is_taken() -> None:
    with pytest.raises(UserError, match=r"image\.name: jupyterhub-20261126-1 already exists: ami-1"):
        preflight.check_name_free(state(images=[{"ImageId": "ami-1"}]))


def test_a_root_volume_smaller_than_the_base_images() -> None:
    with pytest.raises(
        UserError, match=r"builder\.root_volume\.size_gib: 4 GiB is less than the base image's 8 GiB"
    ) as caught:
        preflight.check_root_volume(state(root_volume={"size_gib": 4}))
    assert caught.value.where == "manifest.yaml"


def test_types_are_tried_in_their_order_each_in_every_zone_that_offers_it() -> None:
    found = preflight.find_placements(
        state(
            offered=("t3.large", "m7i.large"), zones=("us-east-1b",), instance_types=("m7i.large", "t3.large")
        )
    )
    assert list(map(str, found)) == ["m7i.large in us-east-1b", "t3.large in us-east-1b"]
    assert {placement.subnet_id for placement in found} == {SUBNETS["us-east-1b"]}


def test_a_type_that_the_region_does_not_have_is_left_out_with_a_warning() -> None:
    build = state(instance_types=("x9.nano", "t3.large"))
    assert {placement.instance_type for placement in preflight.find_placements(build)} == {"t3.large"}
    assert build.report.warnings == ["builder.instance_types: x9.nano not offered in us-east-1: left out"]


def test_without_any_type_that_the_region_has_there_is_no_build() -> None:
    with pytest.raises(
        UserError, match=r"builder\.instance_types: x9\.nano not offered in us-east-1"
    ) as caught:
        preflight.find_placements(state(instance_types=("x9.nano",), offered=()))
    assert caught.value.where == "manifest.yaml"


def test_a_subnet_that_is_named_is_the_only_one_and_its_zone_has_to_offer_the_type() -> None:
    named = SUBNETS["us-east-1b"]
    assert [one.subnet_id for one in preflight.find_placements(state(subnet_id=named))] == [named]
    with pytest.raises(UserError, match=r"t3\.large not offered in us-east-1b, where builder's subnets are"):
        preflight.find_placements(state(subnet_id=named, zones=("us-east-1a",)))


def test_an_instance_type_of_other_processors() -> None:
    with pytest.raises(UserError, match=r"builder\.instance_types: t3\.large runs arm64, not x86_64"):
        preflight.find_placements(state(runs="arm64"))


def test_an_instance_type_whose_disks_do_not_carry_their_volumes_id() -> None:
    with pytest.raises(
        UserError, match=r"builder\.instance_types: t3\.large is of the Xen hypervisor"
    ) as caught:
        preflight.find_placements(state(nvme="unsupported"))
    assert "t3.large instead of t2.large" in str(caught.value.hint)


def test_several_subnets_are_tried_in_the_order_of_the_manifest() -> None:
    named = (SUBNETS["us-east-1b"], SUBNETS["us-east-1a"])
    found = preflight.find_placements(state(subnet_ids=named))
    assert tuple(one.subnet_id for one in found) == named
    found = preflight.find_placements(state(subnet_id=named[1], subnet_ids=named))
    assert tuple(one.subnet_id for one in found) == (named[1], named[0])
    with pytest.raises(UserError, match=r"builder\.subnet_ids: the subnets are of several VPCs"):
        preflight.find_placements(state(subnet_ids=named, vpcs={"us-east-1a": "vpc-2"}))
