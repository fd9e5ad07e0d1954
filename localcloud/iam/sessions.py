"""Sessions of roles, those of instances and of AssumeRole: kept in moto's STS, they outlive the server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from moto.core.utils import utcnow
from moto.iam.models import IAMBackend, Role, iam_backends
from moto.sts.models import AssumedRole, STSBackend, sts_backends

from localcloud.iam import arns

LIFETIME = timedelta(hours=6)
# EC2 has new ones ready at least five minutes before the old expire; botocore asks again a quarter of an hour
# before.
RENEW_BEFORE = timedelta(hours=1)
KEPT_EXPIRED = timedelta(hours=12)  # so that whoever still uses them hears that they have expired


def credentials(account: str, region: str, role: Role, instance_id: str) -> tuple[AssumedRole, bool]:
    """The credentials an instance has now, new ones (True) if the last expire soon.

    The caller holds the lock.
    """
    partition = arns.partition(region)
    backend = sts_backends[account][partition]
    _drop_old(backend, iam_backends[account][partition])
    for known in reversed(backend.assumed_roles):
        if (
            known.session_name == instance_id
            and known.role_arn == role.arn
            and known.expiration - utcnow() > RENEW_BEFORE
        ):
            return known, False
    return backend.assume_role(region, instance_id, role.arn, "", int(LIFETIME.total_seconds()), ""), True


def find(access_key: str) -> AssumedRole | None:
    """The session that has this key, if it is a role's."""
    if not access_key.startswith("ASIA"):
        return None
    return next((known for known in _all() if known.access_key_id == access_key), None)


def expire(which: str) -> list[str]:
    """End sessions now: all of them ("all"), a role's, or that of one access key. Returns their ARNs.

    The caller holds the lock.
    """
    now, ended = utcnow(), []
    for known in _all():
        is_meant = which in ("all", known.access_key_id, known.role_arn, known.role_arn.rpartition("/")[2])
        if is_meant and known.expiration > now:
            known.expiration = now
            ended.append(known.arn)
    return ended


def _all() -> Iterator[AssumedRole]:
    for _, _, backend in sts_backends.iter_backends():
        if isinstance(backend, STSBackend):
            yield from list(backend.assumed_roles)


def _drop_old(backend: STSBackend, keys: IAMBackend) -> None:
    """Forget what expired long ago."""
    long_ago = utcnow() - KEPT_EXPIRED
    for known in [known for known in backend.assumed_roles if known.expiration < long_ago]:
        backend.assumed_roles.remove(known)
        keys.access_keys.pop(known.access_key_id, None)
