"""The administrator's first password: made here, kept by SSM until it has been used, shown once.

The machine deletes the parameter after the first login, or when `launch.first_password_hours` have passed. A
tag of the data volume says that there was one, so that a later launch makes no other.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from build import image_contract
from build.aws import eventual, parameters, tags, volumes
from build.aws.errors import code_of
from build.hubs import instances
from build.launch.state import LaunchState
from build.pipeline import Step

if TYPE_CHECKING:
    from build.aws.session import Clients
    from build.hubs.hub import Hub

SHOWN = "hubsmith:shown"
_BYTES = 15  # 20 characters
_GONE = ("ParameterNotFound", "InvalidResourceId")  # the latter of calls about tags


class EnsurePassword(Step[LaunchState]):
    """Generate the password, if an instance is to be launched whose administrator never had one.

    Needs: volume_id. Produces: password, until it has been shown.
    """

    title = "make the administrator's password"

    def run(self, state: LaunchState) -> None:
        """A password made by a launch that was interrupted before it could show it is still to be shown."""
        admin, had, made_now = state.options.admin, _who_had_one(state), False
        if had != admin and _an_instance_is_to_come(state):
            if had is not None:  # another administrator gets another password
                forget(state.clients, state.hub)
            if made_now := _generate(state):
                state.record_change(f"generated the password of {admin}")
            volume_tags = tags.as_list({tags.FIRST_PASSWORD: admin})
            eventual.retried(
                lambda: state.clients.ec2.create_tags(Resources=[state.volume_id], Tags=volume_tags),
                what=state.volume_id,
                on_wait=state.report.waiting,
            )
        state.password = _not_shown_yet(state, made_now=made_now)


def parameter_of(hub: Hub) -> str:
    """Where it is kept."""
    return hub.parameter(image_contract.ADMIN_PASSWORD)


def forget(clients: Clients, hub: Hub) -> bool:
    """Delete the parameter; whether there was one."""
    try:
        clients.ssm.delete_parameter(Name=parameter_of(hub))
    except ClientError as exc:
        if code_of(exc) not in _GONE:
            raise
        return False
    return True


def is_unused(clients: Clients, hub: Hub) -> bool:
    """Whether the parameter is there: the machine deletes it once the password was used or has expired."""
    return parameters.value_of(clients, parameter_of(hub)) is not None


def was_shown(clients: Clients, hub: Hub) -> None:
    """From here on nobody is shown it again."""
    try:
        clients.ssm.add_tags_to_resource(
            ResourceType="Parameter",
            ResourceId=parameter_of(hub),
            Tags=[{"Key": SHOWN, "Value": "yes"}],
        )
    except ClientError as exc:
        if code_of(exc) not in _GONE:
            raise


def _who_had_one(state: LaunchState) -> str | None:
    """The administrator whose first password is on the data volume, or on its way there."""
    volume = volumes.described(state.clients.ec2, state.volume_id)
    return tags.as_dict(volume.get("Tags")).get(tags.FIRST_PASSWORD) if volume else None


def _an_instance_is_to_come(state: LaunchState) -> bool:
    """An instance that is kept has fetched its password, or still can."""
    return state.options.replace or not instances.of_hub(state.clients, state.hub)


def _generate(state: LaunchState) -> bool:
    """Whether it was made now: one that a launch left behind is kept."""
    try:
        state.clients.ssm.put_parameter(
            Name=parameter_of(state.hub),
            Value=secrets.token_urlsafe(_BYTES),
            Type="SecureString",
            Overwrite=False,
            Description="hubsmith: first password of the hub's administrator",
            Tags=[{"Key": key, "Value": value} for key, value in {**state.tags, SHOWN: "no"}.items()],
        )
    except ClientError as exc:
        if code_of(exc) != "ParameterAlreadyExists":
            raise
        return False
    return True


def _not_shown_yet(state: LaunchState, *, made_now: bool) -> str | None:
    """None also where the machine has deleted it."""
    name, ssm = parameter_of(state.hub), state.clients.ssm
    try:
        # Tags written a moment ago may not be listed yet: a new password has been shown to nobody.
        if not made_now:
            found = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
            if tags.as_dict(found).get(SHOWN) != "no":
                return None
        return ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    except ClientError as exc:
        if code_of(exc) not in _GONE:
            raise
        return None
