"""What botocore raises, in words a user can act on."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    TokenRetrievalError,
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
    "InsufficientInstanceCapacity": "try again later; a build takes more types from builder.instance_types",
    "VcpuLimitExceeded": "ask for a higher EC2 quota, or put a smaller type into builder.instance_types",
    "OptInRequired": "enable the region or subscribe to the base image first",
}


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
    if isinstance(error, (NoCredentialsError, TokenRetrievalError)):
        return UserError(
            f"no usable AWS credentials: {error}",
            hint="run `aws configure` or `aws sso login`, or set AWS_PROFILE",
        )
    if isinstance(error, EndpointConnectionError):
        return CloudError(str(error), hint="check the network; `invoke cloud.status` shows the local cloud")
    if isinstance(error, BotoCoreError):
        return CloudError(str(error))
    return None
