"""Reading SSM parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from build.aws.errors import code_of

if TYPE_CHECKING:
    from build.aws.session import Clients


def value_of(clients: Clients, name: str) -> str | None:
    """What the parameter holds, as SSM returns it (a SecureString encrypted); None when there is none of that
    name.

    Raises what botocore raises.
    """
    try:
        return clients.ssm.get_parameter(Name=name)["Parameter"]["Value"]
    except ClientError as exc:
        if code_of(exc) != "ParameterNotFound":
            raise
        return None
