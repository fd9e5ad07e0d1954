"""Start, stop, reboot, terminate, modify, console."""

from __future__ import annotations

from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.ec2.utils import parse_user_data

from localcloud.ec2.errors import Ec2Error, missing_parameter
from localcloud.ec2.responses.base import LocalActions
from localcloud.ec2.rules import console, describe_instances, instances, metadata_options, security_groups

_ATTRIBUTES = (
    "InstanceType",
    "UserData",
    "DisableApiTermination",
    "DisableApiStop",
    "InstanceInitiatedShutdownBehavior",
    "SourceDestCheck",
    "EbsOptimized",
)


class InstanceActions(LocalActions):
    """The life of an instance."""

    def describe_instances(self) -> ActionResult:
        """DescribeInstances."""
        self.error_on_dryrun()
        instance_ids, limit = self.values("InstanceIds"), self._get_param("MaxResults")
        if instance_ids and limit:
            message = "The parameter instancesSet cannot be used with the parameter maxResults"
            raise Ec2Error("InvalidParameterCombination", message)
        found = describe_instances.reservations(self.backend, instance_ids, self.filters())
        ids = [reservation.id for reservation in found]
        token = self.text("NextToken")
        start = ids.index(token) + 1 if token in ids else 0
        page = found[start : start + int(limit or 1000)]
        more = len(found) > start + len(page)
        return ActionResult({"Reservations": page, "NextToken": page[-1].id if more else None})

    def start_instances(self) -> ActionResult:
        """StartInstances."""
        self.error_on_dryrun()
        return ActionResult({"StartingInstances": instances.start(self.backend, self.values("InstanceIds"))})

    def stop_instances(self) -> ActionResult:
        """StopInstances."""
        self.error_on_dryrun()
        return ActionResult(
            {
                "StoppingInstances": instances.stop(
                    self.backend, self.values("InstanceIds"), force=self.flag("Force")
                )
            }
        )

    def terminate_instances(self) -> ActionResult:
        """TerminateInstances. moto's own would import its autoscaling and load balancers."""
        self.error_on_dryrun()
        return ActionResult(
            {"TerminatingInstances": instances.terminate(self.backend, self.values("InstanceIds"))}
        )

    def reboot_instances(self) -> ActionResult:
        """RebootInstances."""
        self.error_on_dryrun()
        instances.reboot(self.backend, self.values("InstanceIds"))
        return EmptyResult()

    def get_console_output(self) -> ActionResult:
        """GetConsoleOutput: what has been posted, with Latest what there is now."""
        instance_id = self.text("InstanceId")
        read = console.latest if self.flag("Latest") else console.posted
        return ActionResult(
            {
                "InstanceId": instance_id,
                "Timestamp": utcnow(),
                "Output": read(self.backend, instance_id),
            }
        )

    def modify_instance_attribute(self) -> ActionResult:
        """ModifyInstanceAttribute: Attribute and Value, or one of the attributes as a structure."""
        instance_id = self.text("InstanceId")
        self.error_on_dryrun()
        changes, mappings, group_ids = (
            self._changes(),
            self.values("BlockDeviceMappings"),
            self.values("Groups"),
        )
        if not changes and not mappings and not group_ids:
            raise missing_parameter("attribute")
        instances.keep_on_termination(self.backend, instance_id, mappings)
        for attribute, value in changes.items():
            instances.modify(self.backend, instance_id, attribute, value)
        if group_ids:
            security_groups.change(self.backend, self.backend.instance(instance_id), group_ids)
        return EmptyResult()

    def _changes(self) -> dict[str, str | bool]:
        changes: dict[str, str | bool] = {}
        if attribute := self.text("Attribute"):
            value = self.text("Value")
            is_flag = attribute in (
                "disableApiTermination",
                "disableApiStop",
                "sourceDestCheck",
                "ebsOptimized",
            )
            changes[attribute[0].upper() + attribute[1:]] = value.lower() == "true" if is_flag else value
        for attribute in _ATTRIBUTES:
            given = self._get_param(attribute)
            if given is not None:
                value = given.get("Value")
                changes[attribute] = str(parse_user_data(value) or "") if attribute == "UserData" else value
        return changes

    def modify_instance_metadata_options(self) -> ActionResult:
        """ModifyInstanceMetadataOptions."""
        self.error_on_dryrun()
        names = (
            "HttpTokens",
            "HttpPutResponseHopLimit",
            "HttpEndpoint",
            "HttpProtocolIpv6",
            "InstanceMetadataTags",
        )
        instance_id = self.text("InstanceId")
        options = metadata_options.change(
            self.backend, instance_id, {name: self._get_param(name) for name in names}
        )
        return ActionResult({"InstanceId": instance_id, "InstanceMetadataOptions": options})
