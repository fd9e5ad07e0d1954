"""What botocore raises, in words a user can act on."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    EndpointConnectionError,
    InvalidConfigError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from build.errors import CloudError, HubsmithError, UserError

_POLICIES = "docs/howto/aws.md lists the IAM policies that are needed"
_HINTS = {
    "UnauthorizedOperation": _POLICIES,
    "AccessDenied": _POLICIES,
    "AccessDeniedException": _POLICIES,
    "AuthFailure": "check the credentials: `aws sts get-caller-identity`",
    "InvalidClientTokenId": "check the credentials: `aws sts get-caller-identity`",
    "ExpiredToken": "log in again, then run the same command",
    "RequestExpired": "log in again, then run the same command; is this machine's clock right?",
    "InsufficientInstanceCapacity": "add more types to builder.instance_types, or set builder.subnet_id to "
    "another zone",
    "VcpuLimitExceeded": "ask for a higher EC2 quota, or put a smaller type into builder.instance_types",
    "OptInRequired": "enable the region or subscribe to the base image first",
}


_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, TokenRetrievalError, UnauthorizedSSOTokenError)
_CONFIGURATION = (ConfigNotFound, ConfigParseError, InvalidConfigError, ProfileNotFound)


def code_of(error: BaseException) -> str:
    """EC2's error code (``InvalidAMIID.NotFound``), or an empty string."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def explain(error: BaseException) -> HubsmithError | None:
    """An error of botocore as one of ours; None when it is not botocore's."""
    if isinstance(error, ClientError):
        details = error.response.get("Error", {})
        code = details.get("Code", "")
        return CloudError(
            f"{error.operation_name}: {details.get('Message', error)} ({code})", hint=_HINTS.get(code)
        )
    if isinstance(error, _CREDENTIALS):
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
