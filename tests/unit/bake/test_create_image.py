"""CreateImage whose answer was lost: the next try is told that the name is taken, by the run itself."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from build.aws import snapshots
from build.bake.steps import image


class Account:
    """CreateImage is answered with ``code``; the image is listed at the second look, if it is the run's."""

    def __init__(self, code: str, tagged: str) -> None:
        self._code, self._tagged = code, tagged
        self._looks = 0

    def create_image(self, **_: object) -> Any:
        raise ClientError({"Error": {"Code": self._code, "Message": "no"}}, "CreateImage")

    def describe_images(self, *, Owners: Sequence[str], Filters: Sequence[Any]) -> Any:
        wanted = {one["Name"]: one["Values"] for one in Filters}
        assert wanted["name"] == ["x-1"]
        self._looks += 1
        found = self._looks > 1 and wanted["tag:hubsmith:run"] == [self._tagged]
        return {"Images": [{"ImageId": "ami-1"}] if found else []}


def created(code: str, tagged: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(image, "_LISTED_S", 2)
    monkeypatch.setattr(image, "describing_tags", lambda _: {})
    monkeypatch.setattr(image, "root_volume_of", lambda *_: "vol-1")
    monkeypatch.setattr(snapshots, "wait_until_allowed", lambda *_, **__: None)
    state: Any = SimpleNamespace(
        clients=SimpleNamespace(ec2=Account(code, tagged)),
        builder=SimpleNamespace(id="i-1"),
        run=SimpleNamespace(id="run-1", given_tags={}),
        image_name="x-1",
        report=SimpleNamespace(waiting=lambda _: None),
        manifest=SimpleNamespace(
            image=SimpleNamespace(description="", tags={}),
            builder=SimpleNamespace(timeouts=SimpleNamespace(image_s=60)),
        ),
    )
    return image._create(state)


def test_the_runs_own_image_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert created("InvalidAMIName.Duplicate", "run-1", monkeypatch) == "ami-1"


@pytest.mark.parametrize(
    ("code", "tagged"), [("InvalidAMIName.Duplicate", "run-2"), ("UnauthorizedOperation", "run-1")]
)
def test_anything_else_ends_the_build(monkeypatch: pytest.MonkeyPatch, code: str, tagged: str) -> None:
    with pytest.raises(ClientError) as caught:
        created(code, tagged, monkeypatch)
    assert caught.value.response["Error"]["Code"] == code
