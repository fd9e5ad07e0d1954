"""Volumes and snapshots."""

from __future__ import annotations

from moto.core.responses import ActionResult, EmptyResult

from localcloud.ec2.errors import missing_parameter
from localcloud.ec2.models import Attachment
from localcloud.ec2.responses.base import LocalActions
from localcloud.ec2.rules import attachments, copies, encryption, modifications, snapshots, volumes
from localcloud.ec2.rules.copies import Encryption
from localcloud.ec2.rules.volumes import VolumeRequest


class VolumeActions(LocalActions):
    """EBS."""

    def create_volume(self) -> ActionResult:
        """CreateVolume."""
        self.error_on_dryrun()
        if not self._get_param("AvailabilityZone"):
            raise missing_parameter("AvailabilityZone")
        request = VolumeRequest(
            size=self._get_param("Size"),
            snapshot_id=self.optional("SnapshotId"),
            volume_type=self._get_param("VolumeType") or "gp2",
            encrypted=self.flag("Encrypted"),
            kms_key_id=self.optional("KmsKeyId"),
            iops=self._get_param("Iops"),
            throughput=self._get_param("Throughput"),
            initialization_rate=self._get_param("VolumeInitializationRate"),
        )
        volume = volumes.create(self.backend, request, self.text("AvailabilityZone"))
        volume.add_tags(self.tags().get("volume", {}))
        return ActionResult(volume)

    def attach_volume(self) -> ActionResult:
        """AttachVolume."""
        self.error_on_dryrun()
        attachment = attachments.attach(
            self.backend, self.text("VolumeId"), self.text("InstanceId"), self.text("Device")
        )
        return self._attachment(attachment)

    def detach_volume(self) -> ActionResult:
        """DetachVolume."""
        self.error_on_dryrun()
        attachment = attachments.detach(
            self.backend, self.text("VolumeId"), self.optional("InstanceId"), self.optional("Device")
        )
        return self._attachment(attachment)

    def _attachment(self, attachment: Attachment) -> ActionResult:
        members = {
            "Device": attachment.device,
            "State": attachment.status,
            "AttachTime": attachment.attach_time,
        }
        members |= {"VolumeId": attachment.volume_id, "InstanceId": attachment.instance_id}
        return ActionResult(members | {"DeleteOnTermination": attachment.delete_on_termination})

    def delete_volume(self) -> ActionResult:
        """DeleteVolume."""
        self.error_on_dryrun()
        volumes.delete(self.backend, self.text("VolumeId"))
        return EmptyResult()

    def describe_volumes(self) -> ActionResult:
        """DescribeVolumes."""
        self.error_on_dryrun()
        return ActionResult(
            {"Volumes": volumes.describe(self.backend, self.values("VolumeIds"), self.filters())}
        )

    def modify_volume(self) -> ActionResult:
        """ModifyVolume."""
        self.error_on_dryrun()
        changes = {name: self._get_param(name) for name in ("Size", "VolumeType", "Iops", "Throughput")}
        return ActionResult(
            {"VolumeModification": modifications.modify(self.backend, self.text("VolumeId"), changes)}
        )

    def describe_volumes_modifications(self) -> ActionResult:
        """DescribeVolumesModifications."""
        self.error_on_dryrun()
        return ActionResult(
            {
                "VolumesModifications": modifications.describe(
                    self.backend, self.values("VolumeIds"), self.filters()
                )
            }
        )

    def create_snapshot(self) -> ActionResult:
        """CreateSnapshot."""
        self.error_on_dryrun()
        volume = self.backend.volume(self.text("VolumeId"))
        snapshots.check_limits(self.backend, [volume])
        made = snapshots.create(
            self.backend, volume, self.text("Description"), self.tags().get("snapshot", {})
        )
        self.backend.host.before_answer(lambda: snapshots.wait_until_taken([made]))
        return ActionResult(made)

    def create_snapshots(self) -> ActionResult:
        """CreateSnapshots: of all volumes of an instance."""
        self.error_on_dryrun()
        wanted = self._get_param("InstanceSpecification") or {}
        instance = self.backend.instance(wanted.get("InstanceId", ""))
        left_out = set(wanted.get("ExcludeDataVolumeIds", ()))
        chosen = [found.volume for found in instance.attachments if found.volume.id not in left_out]
        if wanted.get("ExcludeBootVolume"):
            chosen = [
                volume
                for volume in chosen
                if volume.attachment and volume.attachment.device != instance.root_device_name
            ]
        tags = self.tags().get("snapshot", {})
        snapshots.check_limits(self.backend, chosen)
        made = [snapshots.create(self.backend, volume, self.text("Description"), tags) for volume in chosen]
        self.backend.host.before_answer(lambda: snapshots.wait_until_taken(made))
        return ActionResult({"Snapshots": made})

    def copy_snapshot(self) -> ActionResult:
        """CopySnapshot, also from another region."""
        self.error_on_dryrun()
        origin = copies.source(self.backend, self.text("SourceRegion"))
        copied = copies.copy_snapshot(
            self.backend,
            origin.snapshot(self.text("SourceSnapshotId")),
            self.text("Description"),
            self.tags().get("snapshot", {}),
            Encryption(self.flag("Encrypted"), self.optional("KmsKeyId")),
        )
        return ActionResult({"SnapshotId": copied.id, "Tags": copied.tag_set})

    def delete_snapshot(self) -> ActionResult:
        """DeleteSnapshot."""
        self.error_on_dryrun()
        snapshots.delete(self.backend, self.text("SnapshotId"))
        return EmptyResult()

    def describe_snapshots(self) -> ActionResult:
        """DescribeSnapshots."""
        self.error_on_dryrun()
        owners = self.values("OwnerIds")
        found = snapshots.describe(self.backend, self.values("SnapshotIds"), self.filters(), owners)
        return ActionResult({"Snapshots": found})

    def get_ebs_default_kms_key_id(self) -> ActionResult:
        """GetEbsDefaultKmsKeyId."""
        self.error_on_dryrun()
        return self._default_key()

    def modify_ebs_default_kms_key_id(self) -> ActionResult:
        """ModifyEbsDefaultKmsKeyId."""
        self.error_on_dryrun()
        self.backend.ebs_default_kms_key_id = self.text("KmsKeyId")
        return self._default_key()

    def reset_ebs_default_kms_key_id(self) -> ActionResult:
        """ResetEbsDefaultKmsKeyId: AWS's own."""
        self.error_on_dryrun()
        self.backend.ebs_default_kms_key_id = ""
        return self._default_key()

    def _default_key(self) -> ActionResult:
        own = self.backend.ebs_default_kms_key_id
        return ActionResult(
            {"KmsKeyId": encryption.key_arn(self.backend, own) if own else encryption.AWS_KEY}
        )
