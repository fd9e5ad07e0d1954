"""An error to answer a request with, in the words of the service that is asked.

Codes of credentials and rights after
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html (EC2: AuthFailure, RequestExpired,
UnauthorizedOperation) and the "Common Errors" of the other services' API references.
"""

from __future__ import annotations

from dataclasses import dataclass

JSON = ("codebuild", "events", "kms", "logs", "scheduler", "ssm")
"""Services whose protocol is JSON."""


@dataclass(frozen=True)
class Refusal:
    """An error to answer with; the code in EC2's words and in everybody else's."""

    code: str
    message: str
    status: int = 403


def denied(service: str, who: str) -> Refusal:
    """A call that policies do not allow; ``who`` says of whom, what and why."""
    if service == "ec2":
        return Refusal("UnauthorizedOperation", f"You are not authorized to perform this operation. {who}")
    if service in JSON:
        return Refusal("AccessDeniedException", who, 400)
    return Refusal("AuthorizationError" if service == "sns" else "AccessDenied", who)


def invalid(service: str) -> Refusal:
    """Keys or a token that nobody has, has any more, or may use now."""
    if service == "ec2":
        return Refusal("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
    told = "The security token included in the request is invalid."
    if service in JSON:
        return Refusal("UnrecognizedClientException", told, 400)
    return Refusal("InvalidClientTokenId", told)


def expired(service: str) -> Refusal:
    """Keys of a session that is over."""
    if service == "ec2":
        return Refusal("RequestExpired", "Request has expired.", 400)
    told = "The security token included in the request is expired"
    return Refusal("ExpiredTokenException", told, 400) if service in JSON else Refusal("ExpiredToken", told)
