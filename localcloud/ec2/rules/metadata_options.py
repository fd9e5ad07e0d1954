"""The metadata options of an instance: what each may be, and how one is changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.ec2.models.instances import MetadataOptions

from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.errors import Ec2Error, bad_value, invalid_value

HOPS = range(1, 65)
_SWITCH = ("enabled", "disabled")
_MAY_BE = {
    "HttpTokens": ("optional", "required"),
    "HttpEndpoint": _SWITCH,
    "HttpProtocolIpv6": _SWITCH,
    "InstanceMetadataTags": _SWITCH,
}


def check(options: Mapping[str, Any]) -> None:
    """Raise EC2's error for a value it does not take: clients send whatever they are given, and "requird"
    would leave tokens optional.
    """
    for name, values in _MAY_BE.items():
        if name in options and options[name] not in values:
            raise invalid_value(options[name], name, f"It must be one of {', '.join(values)}.")
    hops = options.get("HttpPutResponseHopLimit", HOPS[0])
    if int(hops) not in HOPS:
        raise bad_value(
            f"The HttpPutResponseHopLimit {hops} is not valid. It must be an integer from {HOPS[0]} to "
            f"{HOPS[-1]}."
        )


def change(backend: LocalBackend, instance_id: str, changes: Mapping[str, Any]) -> MetadataOptions:
    """ModifyInstanceMetadataOptions: what is not named (None) stays."""
    instance = backend.instance(instance_id)
    asked = {name: value for name, value in changes.items() if value is not None}
    if not asked:
        raise Ec2Error("InvalidParameterCombination", "No metadata option was given to be modified.")
    check(asked)
    known = instance.metadata_options
    before = {
        "HttpTokens": known.http_tokens,
        "HttpPutResponseHopLimit": known.http_put_response_hop_limit,
        "HttpEndpoint": known.http_endpoint,
        "HttpProtocolIpv6": known.http_protocol_ipv6,
        "InstanceMetadataTags": known.instance_metadata_tags,
    }
    instance.metadata_options = MetadataOptions(before | asked)
    return instance.metadata_options
