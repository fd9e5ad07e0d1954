"""The first password's parameter: deleted by the machine after use, never made again for that person."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cloud.hubs import Site

pytestmark = [pytest.mark.vm, pytest.mark.turn]


def parameters(site: Site) -> list[str]:
    """The hub's, without what is before their last slash."""
    path = f"/hubsmith/hubs/{site.domain}"
    found = site.runner.client("ssm").get_parameters_by_path(Path=path)["Parameters"]
    return [parameter["Name"].rpartition("/")[2] for parameter in found]


def use(site: Site) -> None:
    """What a machine does after the first login."""
    site.runner.client("ssm").delete_parameter(Name=f"/hubsmith/hubs/{site.domain}/admin-password")


def terminate(site: Site) -> None:
    site.runner.client("ec2").terminate_instances(InstanceIds=[site.instances()[0]["InstanceId"]])


def test_one_that_was_used_is_not_made_again_and_another_administrator_gets_another(other: Site) -> None:
    first = other.launched()
    assert first["admin_password"]
    assert parameters(other) == ["admin-password"]
    use(other)
    again = other.launched()
    assert (again["changes"], again["admin_password"]) == ([], None)
    terminate(other)
    once_more = other.launched()
    assert once_more["instance_id"] != first["instance_id"]
    assert once_more["admin_password"] is None
    assert parameters(other) == []

    kept = other.launched("--admin", "carol")
    assert (kept["instance_id"], kept["admin_password"]) == (once_more["instance_id"], None)
    replaced = other.launched("--admin", "carol", "--replace")
    assert replaced["admin_password"] not in (None, first["admin_password"])
    assert other.launched("--admin", "carol")["changes"] == []


def test_after_a_destroy_that_keeps_the_data_only_who_never_came_gets_another(other: Site) -> None:
    def destroyed_and_launched() -> dict[str, Any]:
        assert other.invoke("destroy", "--yes").status == 0
        assert parameters(other) == []
        return other.launched()

    first = other.launched()["admin_password"]
    second = destroyed_and_launched()["admin_password"]
    assert second not in (None, first)
    use(other)
    assert destroyed_and_launched()["admin_password"] is None
