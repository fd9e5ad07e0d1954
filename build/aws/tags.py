"""The tags of everything a run makes, given in the create call itself: they are there even after SIGKILL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_ec2.literals import ResourceTypeType
    from mypy_boto3_ec2.type_defs import FilterTypeDef, TagSpecificationTypeDef, TagTypeDef

RUN = "hubsmith:run"
OWNER = "hubsmith:owner"
EXPIRES = "hubsmith:expires"
IMAGE = "hubsmith:image"
STATE = "hubsmith:state"
"""``candidate`` until the image has passed its tests, then ``published``; sweep removes candidates nobody
owns.
"""
CHANNEL = "hubsmith:channel"
BASE = "hubsmith:base"
FINGERPRINT = "hubsmith:fingerprint"
HUB = "hubsmith:hub"
"""The domain of the hub a resource belongs to; everything a launch makes carries it."""
ROLE = "hubsmith:role"
"""What a volume of a hub is for: ``data`` or ``root``."""
FIRST_PASSWORD = "hubsmith:first-password"  # noqa: S105 - the name of a tag
"""On a data volume of a hub: the administrator whose first password was generated.

It outlives the password and its parameter.
"""
SUBDOMAINS = "hubsmith:subdomains"
"""On an instance of a hub: there when each of its users has a host of their own."""
REPLACES = "hubsmith:replaces"
"""On an instance that is to take over from another one: the id of that one."""
RETIRED = "hubsmith:retired"
"""On an instance that was a hub before an upgrade, instead of HUB: the hub's domain. It is stopped."""
RETIRED_AT = "hubsmith:retired-at"
"""On such an instance: since when, ISO 8601 in UTC."""
LAUNCH = "hubsmith:launch"
"""On an instance of a hub: a digest of the launch data it was started with."""
ACME = "hubsmith:acme"
"""On an instance of a hub: ``staging`` when its certificates are of the staging directory, which nobody
trusts.
"""
PROVISIONERS = "hubsmith:provisioners"
SETTINGS = "hubsmith:settings"
PARTS = "hubsmith:parts"
"""These three say what an image is made of, in digests (build/bake/inputs/inputs.py)."""
VERSION = "hubsmith:version"
"""Of the Hubsmith that made it."""
SCHEME = "hubsmith:scheme"
"""In which way the digests of these tags are made; absent: in the first one
(build/bake/inputs/fingerprint.py).
"""
SINCE = "hubsmith:since"
"""When the first package of an image or layer was installed: older than the image when a build started from a
layer.
"""
GIT = "hubsmith:git"
LAYER = "hubsmith:layer"
LAYER_OF = "hubsmith:layer-of"
MADE_BY = "hubsmith:made-by"
"""Of a layer: its key, its last provisioner, and the run that took it (build/bake/layers.py)."""
LOGIN_USER = "LoginUser"
"""Who may log in to an instance of the image; read from base images, put on ours."""


def as_list(tags: Mapping[str, str]) -> list[TagTypeDef]:
    """{"a": "b"} -> [{"Key": "a", "Value": "b"}]."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def as_dict(tags: Iterable[Any] | None) -> dict[str, str]:
    """[{"Key": "a", "Value": "b"}] -> {"a": "b"}."""
    return {tag["Key"]: tag["Value"] for tag in tags or ()}


def specifications(
    tags: Mapping[str, str], *resource_types: ResourceTypeType
) -> list[TagSpecificationTypeDef]:
    """TagSpecifications for a create call."""
    return [{"ResourceType": kind, "Tags": as_list(tags)} for kind in resource_types]


def having(key: str, *values: str) -> list[FilterTypeDef]:
    """A describe filter: the tag ``key``, with one of ``values`` if any are given."""
    if values:
        return [{"Name": f"tag:{key}", "Values": list(values)}]
    return [{"Name": "tag-key", "Values": [key]}]
