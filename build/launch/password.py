"""The administrator's first password: generated here, kept by SSM, fetched by the instance, shown once."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from build.aws import tags
from build.aws.refusals import code_of
from build.launch.state import Launch
from build.pipeline import Step

if TYPE_CHECKING:
    from build.aws.session import Clients
    from build.launch.hub import Hub

SHOWN = "hubsmith:shown"
_BYTES = 15  # 20 characters


class MakePassword(Step[Launch]):
    """Generate the password, unless the hub has one.

    Produces: password, until it has been shown.
    """

    title = "make the administrator's password"

    def run(self, state: Launch) -> None:
        """A password made by a launch that was interrupted before it could show it is still to be shown."""
        name, ssm = parameter_of(state.hub), state.clients.ssm
        try:
            ssm.put_parameter(
                Name=name,
                Value=secrets.token_urlsafe(_BYTES),
                Type="SecureString",
                Overwrite=False,
                Description="hubsmith: first password of the hub's administrator",
                Tags=[{"Key": key, "Value": value} for key, value in {**state.hub.tags, SHOWN: "no"}.items()],
            )
        except ClientError as exc:
            if code_of(exc) != "ParameterAlreadyExists":
                raise
        else:
            state.did(f"generated the password of {state.wishes.admin}")
        found = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
        if tags.as_dict(found).get(SHOWN) == "no":
            state.password = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]


def parameter_of(hub: Hub) -> str:
    """Where it is kept."""
    return f"{hub.prefix}/admin-password"


def was_shown(clients: Clients, hub: Hub) -> None:
    """From here on nobody is shown it again."""
    clients.ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=parameter_of(hub), Tags=[{"Key": SHOWN, "Value": "yes"}])
