"""Sessions of boto3 in one process of the tests share what botocore has read of AWS's models."""

from __future__ import annotations

import botocore.session


def test_two_sessions_have_read_a_model_once() -> None:
    first, second = botocore.session.Session(), botocore.session.Session()
    assert first.get_service_model("ec2").metadata is second.get_service_model("ec2").metadata
