"""What can be known to go wrong is said before anything is made, with the manifest's key to change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

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
    """https://github.com/dstackai/dstack/issues/2086"""
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


@pytest.mark.parametrize(
    ("minutes", "warned"), [(None, False), (180, False), (55, True), (-1, True)], ids=str
)
def test_credentials_that_end_before_the_build_may(minutes: int | None, *, warned: bool) -> None:
    started = datetime(2026, 11, 29, 3, tzinfo=timezone.utc)
    told: list[str] = []
    here = state(lifetime_minutes=180)
    here.run = SimpleNamespace(started=started)
    here.report = SimpleNamespace(warn=told.append)
    here.clients.credentials_end = None if minutes is None else started + timedelta(minutes=minutes)
    preflight.warn_of_credentials(here)
    assert bool(told) is warned
    if minutes == 55:
        assert told[0].startswith(
            "the AWS credentials end in 55 minutes, at 03:55 UTC; a build may take 180 "
        )


class Parameters:
    """Systems Manager with one parameter or none, and calls that are denied."""

    def __init__(self, *, there: bool = True, denied: str = "") -> None:
        self.value = "ami-old" if there else None
        self.version = 1
        self._denied = denied

    def get_parameter(self, *, Name: str) -> Any:
        self._judge("GetParameter")
        if self.value is None:
            raise refusal("ParameterNotFound", "GetParameter")
        return {"Parameter": {"Value": self.value, "Type": "String"}}

    def put_parameter(self, *, Name: str, Value: str, Type: str, Overwrite: bool) -> None:
        self._judge("PutParameter")
        if self.value is not None and not Overwrite:
            raise refusal("ParameterAlreadyExists", "PutParameter")
        self.value, self.version = Value, self.version + 1

    def _judge(self, operation: str) -> None:
        if operation == self._denied:
            raise refusal("AccessDeniedException", operation)


def refusal(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, operation)


def with_parameter(parameters: Parameters, told: list[str]) -> Any:
    here = state()
    here.manifest.ssm_parameter = "/elsewhere/latest"
    here.clients.ssm = parameters
    here.report = SimpleNamespace(warn=told.append)
    return here


@pytest.mark.parametrize("there", [True, False])
def test_the_right_to_move_the_pointer_is_tried_and_nothing_changes(*, there: bool) -> None:
    parameters, told = Parameters(there=there), list[str]()
    preflight.check_parameter(with_parameter(parameters, told))
    assert (parameters.value, parameters.version) == ("ami-old" if there else None, 1)
    assert told == []


def test_a_pointer_that_may_not_be_moved() -> None:
    with pytest.raises(UserError, match=r"publish\.ssm_parameter: /elsewhere/latest cannot be written: no"):
        preflight.check_parameter(with_parameter(Parameters(denied="PutParameter"), []))


def test_a_pointer_that_may_not_be_read_is_a_warning() -> None:
    told: list[str] = []
    preflight.check_parameter(with_parameter(Parameters(denied="GetParameter"), told))
    assert told[0].startswith("publish.ssm_parameter: /elsewhere/latest cannot be read: ")
