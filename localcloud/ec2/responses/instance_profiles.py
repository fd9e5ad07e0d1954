"""Instance profile associations."""

from __future__ import annotations

from moto.core.responses import ActionResult
from moto.iam.models import InstanceProfile

from localcloud.ec2.responses.base import LocalActions
from localcloud.ec2.rules import instance_profiles


class ProfileActions(LocalActions):
    """Which role an instance has. Describing them is moto's."""

    def associate_iam_instance_profile(self) -> ActionResult:
        """AssociateIamInstanceProfile."""
        made = instance_profiles.associate(self.backend, self.text("InstanceId"), self._profile())
        return ActionResult(
            {"IamInstanceProfileAssociation": instance_profiles.in_state(made, "associating")}
        )

    def replace_iam_instance_profile_association(self) -> ActionResult:
        """ReplaceIamInstanceProfileAssociation."""
        made = instance_profiles.replace(self.backend, self.text("AssociationId"), self._profile())
        return ActionResult(
            {"IamInstanceProfileAssociation": instance_profiles.in_state(made, "associating")}
        )

    def disassociate_iam_instance_profile(self) -> ActionResult:
        """DisassociateIamInstanceProfile."""
        gone = instance_profiles.disassociate(self.backend, self.text("AssociationId"))
        return ActionResult(
            {"IamInstanceProfileAssociation": instance_profiles.in_state(gone, "disassociating")}
        )

    def _profile(self) -> InstanceProfile:
        wanted = self._get_param("IamInstanceProfile") or {}
        return instance_profiles.find(self.backend, wanted.get("Name"), wanted.get("Arn"))
