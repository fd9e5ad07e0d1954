"""What EC2 takes as metadata options; botocore sends whatever it is given."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.ec2.errors import Ec2Error
from localcloud.ec2.rules import metadata_options


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"HttpTokens": "required", "HttpEndpoint": "disabled"},
        {"HttpPutResponseHopLimit": 1},
        {"HttpPutResponseHopLimit": "64"},
    ],
)
def test_what_is_taken(options: dict[str, Any]) -> None:
    metadata_options.check(options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"HttpTokens": "requird"},
            "Invalid value 'requird' for HttpTokens. It must be one of optional, required.",
        ),
        ({"HttpEndpoint": "off"}, "Invalid value 'off' for HttpEndpoint."),
        ({"HttpProtocolIpv6": ""}, "for HttpProtocolIpv6."),
        ({"InstanceMetadataTags": True}, "Invalid value 'True' for InstanceMetadataTags."),
        ({"HttpPutResponseHopLimit": 0}, "The HttpPutResponseHopLimit 0 is not valid."),
        ({"HttpPutResponseHopLimit": 65}, "must be an integer from 1 to 64"),
    ],
)
def test_what_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(Ec2Error) as refused:
        metadata_options.check(options)
    assert refused.value.code == "InvalidParameterValue"
    assert words in str(refused.value.message)
