"""Who calls: a session of a role or a user of IAM, by access key. Anybody else is the cloud's owner.

The owner's keys are any text that does not look like a key of AWS (AKIA…, ASIA…): `invoke cloud.env` prints
some. What looks like one has to be known here, so that a deleted key does not count as the owner's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from moto.core.utils import utcnow
from moto.iam.models import IAMBackend, User, iam_backends
from moto.sts.models import AssumedRole

from localcloud.iam import arns, attached, sessions
from localcloud.iam.refusal import Refusal, expired, invalid
from localcloud.iam.wildcards import Context

_KEY = re.compile(r"A[KS]IA[A-Z0-9]{16}")
_INSTANCE = re.compile(r"i-[0-9a-f]{8,17}")


@dataclass(frozen=True)
class JudgedCaller:
    """Whose calls are judged.

    ``arn`` is the session's or the user's, ``principal`` the role's or the user's.
    """

    arn: str  # arn:aws:sts::123456789012:assumed-role/hub/i-…
    principal: str
    user_id: str
    kind: str  # aws:PrincipalType
    role: str = ""
    user: str = ""
    session: str = ""
    token: str = ""
    is_known: bool = True
    """False: the key, or the role that it is of, is gone or disabled."""
    is_expired: bool = False
    policy_sets: attached.PolicySets = ()

    def refuse(self, service: str, token: str) -> Refusal | None:
        """The refusal of these keys with that token, whatever they are used for."""
        if not self.is_known or self.token != token:
            return invalid(service)
        return expired(service) if self.is_expired else None

    def context(self, region: str, account: str) -> Context:
        """The condition keys that say who calls."""
        known: dict[str, tuple[str, ...]] = {
            "aws:principalaccount": (account,),
            "aws:principalarn": (self.principal,),
            "aws:principaltype": (self.kind,),
            "aws:userid": (self.user_id,),
        }
        if self.user:
            known["aws:username"] = (self.user,)
        if _INSTANCE.fullmatch(self.session):
            known["ec2:sourceinstancearn"] = (
                f"{arns.prefix(region)}:ec2:{region}:{account}:instance/{self.session}",
            )
        return known


def find(access_key: str, region: str, account: str) -> JudgedCaller | None:
    """Who calls with this key; None: the owner. The caller holds the lock of the model."""
    if issued := sessions.find(access_key):
        return _in_role(issued)
    backend = iam_backends[account][arns.partition(region)]
    if user := backend.get_user_from_access_key_id(access_key):
        return _user(backend, user, access_key)
    return JudgedCaller("", "", "", "", is_known=False) if _KEY.fullmatch(access_key) else None


def _in_role(issued: AssumedRole) -> JudgedCaller:
    backend = iam_backends[issued.account_id][issued.role_arn.split(":")[1]]
    role = next((role for role in backend.get_roles() if role.arn == issued.role_arn), None)
    return JudgedCaller(
        issued.arn,
        issued.role_arn,
        issued.user_id,
        "AssumedRole",
        role=role.name if role else "",
        session=issued.session_name,
        token=issued.session_token,
        is_known=role is not None,
        is_expired=issued.expiration <= utcnow(),
        policy_sets=attached.of_role(backend, role, issued.policy) if role else (),
    )


def _user(backend: IAMBackend, user: User, access_key: str) -> JudgedCaller:
    key = user.get_access_key_by_id(access_key)
    return JudgedCaller(
        user.arn,
        user.arn,
        user.id,
        "User",
        user=user.name,
        is_known=key.status == "Active",
        policy_sets=attached.of_user(backend, user),
    )
