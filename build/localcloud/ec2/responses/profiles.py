"""Instance profile associations."""

from __future__ import annotations

from moto.core.responses import ActionResult
from moto.iam.models import InstanceProfile

from build.localcloud.ec2 import profiles
from build.localcloud.ec2.responses.base import LocalActions


class ProfileActions(LocalActions):
    """Which role an instance has. Describing them is moto's."""

    def associate_iam_instance_profile(self) -> ActionResult:
        """AssociateIamInstanceProfile."""
        made = profiles.associate(self.backend, self.text("InstanceId"), self._profile())
        return ActionResult({"IamInstanceProfileAssociation": profiles.in_state(made, "associating")})

    def replace_iam_instance_profile_association(self) -> ActionResult:
        """ReplaceIamInstanceProfileAssociation."""
        made = profiles.replace(self.backend, self.text("AssociationId"), self._profile())
        return ActionResult({"IamInstanceProfileAssociation": profiles.in_state(made, "associating")})

    def disassociate_iam_instance_profile(self) -> ActionResult:
        """DisassociateIamInstanceProfile."""
        gone = profiles.disassociate(self.backend, self.text("AssociationId"))
        return ActionResult({"IamInstanceProfileAssociation": profiles.in_state(gone, "disassociating")})

    def _profile(self) -> InstanceProfile:
        wanted = self._get_param("IamInstanceProfile") or {}
        return profiles.find(self.backend, wanted.get("Name"), wanted.get("Arn"))
