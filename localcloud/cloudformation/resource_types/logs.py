"""AWS::Logs::LogGroup."""

from __future__ import annotations

from localcloud.cloudformation.resource_types.resource_type import Clients, PhysicalResource, Properties


class LogGroup:
    """Ref is its name."""

    known = frozenset({"LogGroupName", "RetentionInDays"})
    fixed = frozenset({"LogGroupName"})

    def create(self, clients: Clients, name: str, properties: Properties) -> PhysicalResource:
        """CreateLogGroup."""
        logs, name = clients("logs"), properties.get("LogGroupName", name)
        logs.create_log_group(logGroupName=name)
        found = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        return PhysicalResource(
            name, {"Arn": next(one["arn"] for one in found if one["logGroupName"] == name)}
        )

    def update(
        self, clients: Clients, physical: PhysicalResource, properties: Properties, before: Properties | None
    ) -> None:
        """PutRetentionPolicy, or none."""
        if days := properties.get("RetentionInDays"):
            clients("logs").put_retention_policy(logGroupName=physical.id, retentionInDays=days)
        elif before and "RetentionInDays" in before:
            clients("logs").delete_retention_policy(logGroupName=physical.id)

    def delete(self, clients: Clients, physical: PhysicalResource) -> None:
        """DeleteLogGroup."""
        clients("logs").delete_log_group(logGroupName=physical.id)
