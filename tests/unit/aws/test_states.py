"""Images, instances and volumes that EC2 does not list yet, or that are not ready yet."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from build.aws import images, instances, volumes
from build.errors import CloudError


class Ec2:
    """Gives its answers in turn, the last one from then on; a text is an error code."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def attach_volume(self, **_: str) -> dict[str, Any]:
        return dict(self._next())

    def _next(self) -> Any:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, str):
            raise ClientError({"Error": {"Code": answer}}, "Describe")
        return answer

    def describe_images(self, ImageIds: list[str]) -> dict[str, Any]:
        return {"Images": self._next()}

    def describe_volumes(self, VolumeIds: list[str]) -> dict[str, Any]:
        return {"Volumes": self._next()}

    def describe_instances(self, InstanceIds: list[str]) -> dict[str, Any]:
        return {"Reservations": self._next()}


def ec2(*answers: Any) -> Any:
    return Ec2(*answers)


def test_an_image_is_waited_for_until_it_can_be_launched() -> None:
    told: list[str] = []
    cloud = ec2("InvalidAMIID.NotFound", [], [{"State": "pending"}], [{"State": "available"}])
    assert images.wait_until_available(cloud, "ami-1", timeout_s=20, on_wait=told.append) == {
        "State": "available"
    }
    assert told == ["ami-1: not there yet", "ami-1: not there yet", "ami-1: pending"]


@pytest.mark.parametrize("state", ["failed", "deregistered"])
def test_an_image_that_will_never_be_available_is_an_error_at_once(state: str) -> None:
    failed = [{"State": state, "StateReason": {"Message": "no room"}}]
    with pytest.raises(CloudError, match=f"ami-1 is {state}: no room"):
        images.wait_until_available(ec2(failed), "ami-1", timeout_s=20)


def test_a_volume_is_in_use_when_it_is_attached() -> None:
    def volume(state: str, *attachments: str) -> list[dict[str, Any]]:
        return [{"State": state, "Attachments": [{"State": attachment} for attachment in attachments]}]

    told: list[str] = []
    cloud = ec2(
        "InvalidVolume.NotFound",
        volume("available"),
        volume("in-use", "attaching"),
        volume("in-use", "attached"),
    )
    volumes.wait_for_state(cloud, "vol-1", "in-use", timeout_s=20, on_wait=told.append)
    assert told == ["vol-1: not there yet", "vol-1: available", "vol-1: attaching"]
    with pytest.raises(CloudError, match="vol-1 is error"):
        volumes.wait_for_state(ec2(volume("error")), "vol-1", "available", timeout_s=20)


@pytest.mark.parametrize("refusal", ["VolumeInUse", "InvalidParameterValue"])
def test_a_volume_whose_first_call_was_answered_to_nobody_is_attached(refusal: str) -> None:
    attached = [{"State": "in-use", "Attachments": [{"State": "attaching", "InstanceId": "i-1"}]}]
    volumes.attach(ec2(refusal, attached), "vol-1", "i-1", "/dev/sdf")
    with pytest.raises(ClientError, match=refusal):
        volumes.attach(ec2(refusal, attached), "vol-1", "i-2", "/dev/sdf")
    with pytest.raises(ClientError, match=refusal):
        volumes.attach(ec2(refusal, [{"State": "available"}]), "vol-1", "i-1", "/dev/sdf")


def test_an_answer_without_reservations_is_not_there_yet() -> None:
    machine = {"InstanceId": "i-1", "State": {"Name": "running"}}
    listed = [{"Instances": [machine]}]
    assert instances.described(ec2([]), "i-1") is None
    assert instances.listed(ec2([], "InvalidInstanceID.NotFound", listed), "i-1") == machine
    assert instances.wait_for_state(ec2([], listed), "i-1", "running", timeout_s=20) == machine
