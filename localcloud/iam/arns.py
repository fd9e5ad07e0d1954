"""The beginning of ARNs: the partition of the region that a request is for."""

from __future__ import annotations

from botocore.exceptions import UnknownRegionError

from build.aws import regions

URL_SUFFIXES = {"aws-cn": "amazonaws.com.cn", "aws-eusc": "amazonaws.eu"}
"""Of partitions whose host names do not end with amazonaws.com (botocore's partitions, dnsSuffix)."""


def partition(region: str) -> str:
    """The partition of a region; aws for what looks like no region, which has been refused before."""
    try:
        return regions.partition_of(region)
    except UnknownRegionError:
        return "aws"


def prefix(place: str) -> str:
    """``arn:aws`` of ``us-east-1:123456789012`` or of ``us-east-1``."""
    return f"arn:{partition(place.partition(':')[0])}"


def url_suffix(region: str) -> str:
    """What the host names of AWS end with in the partition of a region."""
    return URL_SUFFIXES.get(partition(region), "amazonaws.com")


def passed_to_ec2(region: str) -> str:
    """The service that iam:PassedToService names when a role is given to an instance.

    In China that is EC2's old principal, although trust policies name ec2.amazonaws.com there as well
    (https://github.com/terraform-aws-modules/terraform-aws-eks/issues/3636,
    https://github.com/aws/aws-cli/pull/8709).
    """
    return "ec2.amazonaws.com.cn" if partition(region) == "aws-cn" else "ec2.amazonaws.com"
