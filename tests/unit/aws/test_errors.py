"""What botocore raises becomes words that say what to do."""

from __future__ import annotations

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError

from build.aws import snapshots
from build.aws.errors import explain, in_words
from build.bake.instances import _NEW
from build.errors import CloudError, UserError


def refusal(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "RunInstances")


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("UnauthorizedOperation", "IAM policies"),
        ("AccessDeniedException", "IAM policies"),
        ("ExpiredToken", "log in again"),
        ("ExpiredTokenException", "log in again"),
        ("RequestExpired", "clock"),
        ("InvalidSignatureException", "clock"),
        ("InvalidClientTokenId", "is the region enabled"),
        ("UnrecognizedClientException", "is the region enabled"),
        ("AuthFailure", "is the region enabled"),
        ("PendingVerification", "verifying the account"),
        ("MaxIOPSLimitExceeded", "quota"),
        ("VolumeLimitExceeded", "quota"),
    ],
)
def test_a_code_has_its_hint(code: str, hint: str) -> None:
    found = explain(refusal(code))
    assert isinstance(found, CloudError)
    assert found.message == f"RunInstances: no ({code})"
    assert hint in str(found.hint)


def test_a_type_that_the_free_plan_does_not_have() -> None:
    message = (
        "The specified instance type is not eligible for Free Tier. For a list of Free Tier instance types, …"
    )
    found = explain(refusal("InvalidParameterCombination", message))
    assert found
    assert "free plan" in str(found.hint)
    other = explain(refusal("InvalidParameterCombination"))
    assert other
    assert other.hint is None


@pytest.mark.parametrize(
    "error",
    [
        exceptions.NoCredentialsError(),
        exceptions.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
        exceptions.UnauthorizedSSOTokenError(),
        exceptions.SSOTokenLoadError(error_msg="the token has expired"),
        exceptions.TokenRetrievalError(provider="sso", error_msg="the token has expired"),
        exceptions.LoginRefreshRequired(),
        exceptions.CredentialRetrievalError(provider="custom-process", error_msg="it failed"),
        RuntimeError("Credentials were refreshed, but the refreshed credentials are still expired."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_without_usable_credentials_it_says_how_to_log_in(error: Exception) -> None:
    found = explain(error)
    assert isinstance(found, UserError)
    assert found.message.startswith("no usable AWS credentials: ")
    assert "aws sso login" in str(found.hint)


@pytest.mark.parametrize("code", [*snapshots.LIMITS, *sorted(_NEW), "NoSuchEntity"])
def test_what_is_waited_for_is_said_in_words(code: str) -> None:
    words = in_words(refusal(code))
    assert words.endswith(f" ({code})")
    assert not words.startswith(("no ", code))


def test_what_there_are_no_words_for_is_said_in_those_of_aws() -> None:
    assert in_words(refusal("Odd", "The thing is odd")) == "The thing is odd (Odd)"
    assert in_words(refusal("Odd", "")) == "refused (Odd)"


def test_a_bug_of_ours_is_not_explained_away() -> None:
    assert explain(RuntimeError("something else")) is None
