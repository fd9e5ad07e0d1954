"""With EC2's server: the new instance is told what the old one was told; a retired one is nobody's hub."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from build.aws import tags
from build.errors import HubsmithError
from build.hubs import instances, operator_key
from build.hubs.retired import retire, retired_instances
from build.images import retention
from build.launch import instance, run_instances_request
from build.operate.listing import list_hubs
from build.upgrade import recipe
from build.upgrade.options import options_like, told_at_launch
from tests.pretended_cloud import IMAGE, PretendedCloud, pretended_cloud
from tests.unit.launch.test_capacity import HUB, launch
from tests.unit.launch.test_records import Listening

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPqJ8YEJd6bJyzb0xYyJ0zqPXo0m9mM3m3k7WQ0Zf3pN colleague"


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendedCloud]:
    monkeypatch.setenv("HUBSMITH_STATE", str(tmp_path))
    operator_key.ensure_key(HUB, "")
    with pretended_cloud() as cloud:
        cloud.clients.iam.create_instance_profile(InstanceProfileName=HUB.name)
        yield cloud


def test_the_new_instance_is_told_what_the_old_one_was_told(cloud: PretendedCloud) -> None:
    old = launch(cloud, f'launch.operator_keys=["{KEY}"]', "hub.subdomains=true", admin="ada")
    instance._launch(old)
    (found,) = instances.of_hub(cloud.clients, HUB)
    told = told_at_launch(cloud.clients, found)
    assert (told.data["admin"], told.data["email"]) == ("ada", "a@b.org")
    assert KEY in told.operator_keys
    state = launch(cloud, "launch.email=other@b.org")  # the manifest says something else meanwhile
    options = options_like(state.manifest, found, told, "", standby=True)
    assert (options.admin, options.email, options.subdomains) == ("ada", "a@b.org", True)
    assert (options.instance_types, options.replace) == ((found.instance_type,), True)
    assert KEY in options.defaults.operator_keys
    old.options = options
    assert run_instances_request.launch_data(old)["standby"]
    assert [each for each in instance.differences(old, found) if "data" in each] == []


def test_an_instance_with_other_user_data_is_left_to_launch(cloud: PretendedCloud) -> None:
    ec2 = cloud.clients.ec2
    strange = ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, UserData="#!/bin/sh\n")["Instances"][0]
    found: Any = SimpleNamespace(id=strange["InstanceId"], domain=HUB.domain)
    with pytest.raises(HubsmithError, match="are not those of a launch") as caught:
        told_at_launch(cloud.clients, found)
    assert "--replace" in str(caught.value.hint)


def test_a_preview_says_what_would_change(cloud: PretendedCloud) -> None:
    old = launch(cloud)
    instance_id = instance._launch(old)
    report: Any = Listening()
    with pytest.raises(HubsmithError, match=f"{instance_id} is pending"):
        recipe.preview(old.manifest, cloud.clients, report, HUB, IMAGE)


def test_a_retired_instance_is_nobodys_hub_and_is_pruned_after_a_week(cloud: PretendedCloud) -> None:
    instance_id = instance._launch(launch(cloud))
    retire(cloud.clients, HUB, instance_id)
    assert instances.of_hub(cloud.clients, HUB) == []
    assert [row.instance_id for row in list_hubs(cloud.clients)] == [None]
    assert [each["InstanceId"] for each in retired_instances(cloud.clients, HUB)] == [instance_id]
    now = datetime.now(timezone.utc)
    for age, keep in ((timedelta(days=6), True), (timedelta(days=8), False)):
        (decision,) = retention._retired(cloud.clients, now + age)
        assert (decision.id, decision.name, decision.keep) == (instance_id, HUB.domain, keep)
    cloud.clients.ec2.delete_tags(Resources=[instance_id], Tags=[{"Key": tags.RETIRED_AT}])
    assert not next(retention._retired(cloud.clients, now)).keep
