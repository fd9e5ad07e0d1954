"""What botocore raises, in words a user can act on."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    CredentialRetrievalError,
    EndpointConnectionError,
    InvalidConfigError,
    LoginError,
    NoAuthTokenError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    RefreshWithMFAUnsupportedError,
    SSOError,
    TokenRetrievalError,
)

from build.errors import CloudError, HubsmithError, UserError

_POLICIES = "docs/howto/aws.md lists the IAM policies that are needed"
_CHECK = "check the credentials: `aws sts get-caller-identity`; is the region enabled for this account?"
_AGAIN = "log in again, then run the same command"
_CLOCK = f"{_AGAIN}; is this machine's clock right?"
_QUOTA = "ask for a higher EC2 or EBS quota, or remove what is not needed"
_HINTS = {
    "UnauthorizedOperation": _POLICIES,
    "AccessDenied": _POLICIES,
    "AccessDeniedException": _POLICIES,
    "AuthFailure": _CHECK,
    "InvalidClientTokenId": _CHECK,
    "UnrecognizedClientException": _CHECK,
    "ExpiredToken": _AGAIN,
    "ExpiredTokenException": _AGAIN,
    "RequestExpired": _CLOCK,
    "SignatureDoesNotMatch": _CLOCK,
    "InvalidSignatureException": _CLOCK,
    "PendingVerification": "AWS is verifying the account for this region; try again when its e-mail has come",
    "MaxIOPSLimitExceeded": _QUOTA,
    "VolumeLimitExceeded": _QUOTA,
    "SnapshotLimitExceeded": _QUOTA,
    "InstanceLimitExceeded": _QUOTA,
    "InsufficientInstanceCapacity": "try again later; a build takes more types from builder.instance_types",
    "VcpuLimitExceeded": "ask for a higher EC2 quota, or put a smaller type into builder.instance_types",
    "OptInRequired": "enable the region or subscribe to the base image first",
}


_IN_WORDS = {
    "SnapshotCreationPerVolumeRateExceeded": "another snapshot of the volume was begun less than 15 s ago",
    "ConcurrentSnapshotLimitExceeded": "too many snapshots of the volume are pending",
    "InvalidAMIID.Unavailable": "the image is not available yet",
    "InvalidInstanceAttributeValue": "the instance does not have the device yet",
}
"""Refusals that pass: progress and notes say them in a few words."""
NOT_THERE = "not there yet"

_KINDS = {
    "InvalidAMIID": "the image",
    "InvalidAllocationID": "the address",
    "InvalidGroup": "the security group",
    "InvalidInstanceID": "the instance",
    "InvalidSnapshot": "the snapshot",
    "InvalidVolume": "the volume",
    "NoSuchEntity": "the role or instance profile",
}
_FREE_PLAN = (
    "the account is on AWS's free plan: upgrade it, or choose a type that `aws ec2 describe-instance-types "
    "--filters Name=free-tier-eligible,Values=true` lists"
)
_NO_CREDENTIALS = (
    CredentialRetrievalError,
    LoginError,
    NoAuthTokenError,
    NoCredentialsError,
    PartialCredentialsError,
    RefreshWithMFAUnsupportedError,
    SSOError,
    TokenRetrievalError,
)
_CONFIGURATION = (ConfigNotFound, ConfigParseError, InvalidConfigError, ProfileNotFound)
_STILL_EXPIRED = "the refreshed credentials are still expired"
"""Part of the RuntimeError that botocore raises when AWS_CREDENTIAL_EXPIRATION has passed."""


def code_of(error: BaseException) -> str:
    """EC2's error code (``InvalidAMIID.NotFound``), or an empty string."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def in_words(error: ClientError) -> str:
    """Why a call was refused for now, in a few words with EC2's code in brackets."""
    code = code_of(error)
    message = error.response.get("Error", {}).get("Message") or "refused"
    kind = _KINDS.get(code.partition(".")[0], "")
    words = _IN_WORDS.get(code, message)
    if is_not_there(error):
        words = f"{kind} is {NOT_THERE}" if kind else NOT_THERE
    return f"{words} ({code})"


def is_not_there(error: BaseException) -> bool:
    """Is that AWS's answer about a thing that it does not know?"""
    code = code_of(error)
    return code.endswith(".NotFound") or code == "NoSuchEntity"


def explain(error: BaseException) -> HubsmithError | None:
    """An error of botocore as one of ours; None when it is not botocore's."""
    if isinstance(error, ClientError):
        details = error.response.get("Error", {})
        code = details.get("Code", "")
        return CloudError(
            f"{error.operation_name}: {details.get('Message', error)} ({code})",
            hint=_FREE_PLAN if "Free Tier" in details.get("Message", "") else _HINTS.get(code),
        )
    if isinstance(error, _NO_CREDENTIALS) or _STILL_EXPIRED in str(error):
        return UserError(
            f"no usable AWS credentials: {error}",
            hint="run `aws configure` or `aws sso login`, or set AWS_PROFILE",
        )
    if isinstance(error, _CONFIGURATION):
        return UserError(str(error), hint="check AWS_PROFILE, AWS_CONFIG_FILE and ~/.aws/config")
    if isinstance(error, ValueError) and str(error).startswith("Invalid endpoint"):
        return UserError(
            f"{error}: not an address",
            hint="check AWS_ENDPOINT_URL and the like, and endpoint_url in ~/.aws/config",
        )
    if isinstance(error, EndpointConnectionError):
        return CloudError(str(error), hint="check the network; `invoke cloud.status` shows the local cloud")
    if isinstance(error, BotoCoreError):
        return CloudError(str(error))
    return None
