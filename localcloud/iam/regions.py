"""Which regions answer, and how AWS refuses the others.

Every region of botocore is served from the one state of the cloud; a region's resources are unknown in the
others. Regions that AWS has opened since March 2019 have to be enabled for an account first
(https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html): until then they do not know
its credentials, and say so as if the credentials were wrong.
"""

from __future__ import annotations

from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend

from build.aws import regions
from localcloud.iam.refusal import Refusal

ENABLED_BY_DEFAULT = frozenset(
    {
        *("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1"),
        *("ap-southeast-2", "ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2"),
        *("eu-west-3", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2"),
    }
)
"""Of the partition aws; the other partitions have no regions to opt in to."""

OPT_IN_NOT_REQUIRED, OPTED_IN, NOT_OPTED_IN = "opt-in-not-required", "opted-in", "not-opted-in"
_JSON = ("codebuild", "events", "kms", "logs", "scheduler", "ssm")


def served() -> frozenset[str]:
    """The regions that answer: those of botocore whose availability zones moto knows."""
    return frozenset(regions.known()) & frozenset(RegionsAndZonesBackend.zones)


def opt_in_status(region: str, opted_in: frozenset[str]) -> str:
    """As DescribeRegions shows it; ``opted_in`` are the regions that the account has enabled."""
    if region in ENABLED_BY_DEFAULT or regions.partition_of(region) != "aws":
        return OPT_IN_NOT_REQUIRED
    return OPTED_IN if region in opted_in else NOT_OPTED_IN


def is_enabled(region: str, opted_in: frozenset[str]) -> bool:
    """May the account use that region?"""
    return opt_in_status(region, opted_in) != NOT_OPTED_IN


def refuse(service: str, region: str, opted_in: frozenset[str]) -> Refusal | None:
    """The refusal of a request to a region that is not served or not enabled.

    Codes and words of EC2: https://github.com/turbot/steampipe-plugin-aws/issues/75.
    """
    if region not in served():
        return Refusal("SignatureDoesNotMatch", "Credential should be scoped to a valid region.")
    if is_enabled(region, opted_in):
        return None
    if service == "ec2":
        message = "AWS was not able to validate the provided access credentials"
        return Refusal("AuthFailure", message, 401)
    message = "The security token included in the request is invalid."
    if service in _JSON:
        return Refusal("UnrecognizedClientException", message, 400)
    return Refusal("InvalidClientTokenId", message)
