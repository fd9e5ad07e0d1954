"""Instance profiles of instances: associated, replaced and disassociated, also while they run.

IMDS follows at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from moto.core.exceptions import ServiceException
from moto.ec2.models.iam_instance_profile import IamInstanceProfileAssociation
from moto.ec2.utils import filter_iam_instance_profiles, random_iam_instance_profile_association_id
from moto.iam.models import InstanceProfile

from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.errors import Ec2Error, bad_value, missing_parameter
from localcloud.ec2.models import LocalInstance

_MAY_HAVE = ("pending", "running", "stopping", "stopped")


def find(backend: LocalBackend, name: str | None, arn: str | None) -> InstanceProfile:
    """The profile, by name or ARN; raises what EC2 says of one that IAM does not know."""
    if not name and not arn:
        raise missing_parameter("IamInstanceProfile")
    if name and arn:
        raise Ec2Error(
            "InvalidParameterCombination",
            "The parameter 'iamInstanceProfile.name' may not be used with 'iamInstanceProfile.arn'",
        )
    try:
        found: InstanceProfile = filter_iam_instance_profiles(
            backend.account_id, backend.partition, arn, name
        )
    except ServiceException:
        kind, words = ("name", "name") if name else ("arn", "ARN")
        message = (
            f"Value ({name or arn}) for parameter iamInstanceProfile.{kind} is invalid. Invalid IAM "
            f"Instance Profile {words}"
        )
        raise bad_value(message) from None
    return found


def associate(
    backend: LocalBackend, instance_id: str, profile: InstanceProfile
) -> IamInstanceProfileAssociation:
    """AssociateIamInstanceProfile."""
    instance = backend.instance(instance_id)
    if instance.state not in _MAY_HAVE:
        raise Ec2Error(
            "IncorrectInstanceState",
            f"The instance '{instance.id}' is not in the 'running' or 'stopped' states.",
        )
    if instance.id in backend.iam_instance_profile_associations:
        raise Ec2Error("IncorrectState", f"There is an existing association for instance {instance.id}")
    return _bind(backend, instance, profile)


def replace(
    backend: LocalBackend, association_id: str, profile: InstanceProfile
) -> IamInstanceProfileAssociation:
    """ReplaceIamInstanceProfileAssociation: the instance keeps a profile, the association has a new id."""
    instance_id = _by_id(backend, association_id).instance_id
    return _bind(backend, backend.instance(instance_id), profile)


def disassociate(backend: LocalBackend, association_id: str) -> IamInstanceProfileAssociation:
    """DisassociateIamInstanceProfile."""
    found = _by_id(backend, association_id)
    del backend.iam_instance_profile_associations[found.instance_id]
    if instance := backend.find_instance(found.instance_id):
        instance.iam_instance_profile = None
    return found


def in_state(association: IamInstanceProfileAssociation, state: str) -> Mapping[str, object]:
    """The association as an answer shows it: on its way."""
    return {
        "AssociationId": association.association_id,
        "InstanceId": association.instance_id,
        "IamInstanceProfile": _shown(association.iam_instance_profile),
        "State": state,
    }


def _bind(
    backend: LocalBackend, instance: LocalInstance, profile: InstanceProfile
) -> IamInstanceProfileAssociation:
    new_id = random_iam_instance_profile_association_id()
    association = IamInstanceProfileAssociation(backend, new_id, instance, profile)  # type: ignore[abstract]  # not at run time
    backend.iam_instance_profile_associations[instance.id] = association
    instance.iam_instance_profile = _shown(profile)  # moto would show the association's id
    return association


def _shown(profile: InstanceProfile) -> dict[str, str]:
    return {"Arn": profile.arn, "Id": profile.id}


def _by_id(backend: LocalBackend, association_id: str) -> IamInstanceProfileAssociation:
    for association in backend.iam_instance_profile_associations.values():
        if association.association_id == association_id:
            return association
    raise Ec2Error(
        "InvalidAssociationID.NotFound", f"An invalid association-id of '{association_id}' was given"
    )
