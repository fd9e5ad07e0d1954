"""An image that somebody may use already is never removed, however the build ends after that."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from build.bake.state import Bake, ImageCopy
from build.bake.steps import image, publish, record
from build.pipeline import Interrupted, Runner
from build.report.reporter import Reporter

Call = Callable[[], object]


class Account:
    """The new image and an older one that has the channel.

    ``faults`` happen at ``put`` and ``retire``, before anything is done, or at ``answer``, after the pointer
    has moved.
    """

    def __init__(self, **faults: Call) -> None:
        self._faults = faults
        self.images = {"ami-old": {"hubsmith:channel"}, "ami-new": set[str]()}
        self.pointer = "ami-old"

    def create_tags(self, *, Resources: list[str], Tags: list[dict[str, str]]) -> None:
        self.images["ami-new"] |= {tag["Key"] for tag in Tags}

    def delete_tags(self, *, Resources: list[str], Tags: list[dict[str, str]]) -> None:
        if Resources == ["ami-old"]:
            self._fault("retire")
        for resource in Resources:
            self.images.get(resource, set()).difference_update(tag["Key"] for tag in Tags)

    def describe_images(self, *, Owners: list[str], Filters: list[Any]) -> Any:
        by_run = any(one["Name"] == "tag:hubsmith:run" for one in Filters)
        return {"Images": [{"ImageId": one} for one in self.images if not by_run or one == "ami-new"]}

    def describe_snapshots(self, **_: object) -> Any:
        return {"Snapshots": []}

    def deregister_image(self, *, ImageId: str) -> None:
        del self.images[ImageId]

    def put_parameter(self, *, Value: str, **_: object) -> None:
        self._fault("put")
        self.pointer = Value
        self._fault("answer")

    def _fault(self, name: str) -> None:
        if name in self._faults:
            self._faults[name]()


class Made(image.CreateImage):
    """The image is there already."""

    def run(self, state: Bake) -> None:
        """Nothing."""


class Recorded(record.WriteRecord):
    """Its file too."""

    def run(self, state: Bake) -> None:
        """Nothing but the file."""
        path = record.path_of(state.image_id)
        path.parent.mkdir(parents=True)
        path.write_text("{}", encoding="utf-8")


def published(
    account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, *elsewhere: Account
) -> BaseException | None:
    """Run the end of a build; what ended it."""
    monkeypatch.setenv("HUBSMITH_STATE", str(tmp_path))
    monkeypatch.setattr(publish, "share", lambda _: None)
    wanted = SimpleNamespace(tags={}, channel="stable")
    manifest: Any = SimpleNamespace(
        publish=wanted,
        ssm_parameter="/x/latest",
        image=SimpleNamespace(name="x"),
        builder=SimpleNamespace(tags={}),
    )
    clients: Any = SimpleNamespace(ec2=account, ssm=account)
    state = Bake(manifest, clients, SimpleNamespace(id="run-1", given_tags={}), Reporter(quiet=True))  # type: ignore[arg-type]
    state.image_id, state.snapshot_ids = "ami-new", ()
    state.copies = [copied(there, state.report) for there in elsewhere]
    try:
        Runner[Bake](state.report).run([Made(), Recorded(), publish.PublishImage()], state)
    except BaseException as exc:
        return exc
    return None


def refused() -> None:
    raise ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}, "DeleteTags")


def interrupted() -> None:
    raise Interrupted("SIGINT")


def test_the_new_image_has_channel_and_pointer_and_the_old_one_neither(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    account = Account()
    assert published(account, monkeypatch, tmp_path) is None
    assert account.pointer == "ami-new"
    assert "hubsmith:channel" in account.images["ami-new"]
    assert account.images["ami-old"] == set()


def test_an_older_image_that_cannot_be_retired_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    account = Account(retire=refused)
    assert published(account, monkeypatch, tmp_path) is None
    assert account.pointer in account.images


@pytest.mark.parametrize("when", ["answer", "retire"])
def test_stopped_after_the_pointer_has_moved_image_and_record_stay(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, when: str
) -> None:
    account = Account(**{when: interrupted})
    assert isinstance(published(account, monkeypatch, tmp_path), Interrupted)
    assert account.pointer == "ami-new"
    assert "ami-new" in account.images
    assert record.path_of("ami-new").exists()


def copied(there: Account, report: Reporter) -> ImageCopy:
    wanted = SimpleNamespace(tags={}, channel="stable")
    manifest: Any = SimpleNamespace(
        publish=wanted,
        ssm_parameter="/x/latest",
        image=SimpleNamespace(name="x"),
        builder=SimpleNamespace(tags={}),
    )
    cloud = SimpleNamespace(region="eu-west-1")
    clients: Any = SimpleNamespace(ec2=there, ssm=there, cloud=cloud)
    copy = ImageCopy(manifest, clients, report, "x-1")
    copy.image_id, copy.snapshot_ids = "ami-new", ()
    return copy


def test_a_copy_is_published_after_the_image(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    here, there = Account(), Account()
    there._faults["put"] = lambda: order.append(here.pointer)
    order: list[str] = []
    assert published(here, monkeypatch, tmp_path, there) is None
    assert (order, there.pointer) == (["ami-new"], "ami-new")
    assert there.images == {"ami-old": set(), "ami-new": {"hubsmith:channel", "hubsmith:state"}}


def test_a_copy_that_cannot_be_published_is_a_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    here, there = Account(), Account(put=refused)
    assert published(here, monkeypatch, tmp_path, there) is None
    assert (here.pointer, there.pointer) == ("ami-new", "ami-old")
    assert there.images["ami-old"] == {"hubsmith:channel"}, "it stays the one to use there"


def test_without_a_pointer_at_home_no_copy_is_published(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    here, there = Account(put=refused), Account()
    assert isinstance(published(here, monkeypatch, tmp_path, there), ClientError)
    assert there.pointer == "ami-old"
    assert there.images["ami-new"] == set()


def test_a_pointer_that_cannot_be_moved_ends_the_build_and_the_image_goes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    account = Account(put=refused)
    assert isinstance(published(account, monkeypatch, tmp_path), ClientError)
    assert (account.pointer, list(account.images)) == ("ami-old", ["ami-old"])
    assert account.images["ami-old"] == {"hubsmith:channel"}
    assert not record.path_of("ami-new").exists()
