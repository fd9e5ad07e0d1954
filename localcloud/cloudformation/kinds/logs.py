"""AWS::Logs::LogGroup."""

from __future__ import annotations

from localcloud.cloudformation.kinds.kind import Clients, Made, Properties


class LogGroup:
    """Ref is its name."""

    known = frozenset({"LogGroupName", "RetentionInDays"})
    fixed = frozenset({"LogGroupName"})

    def make(self, clients: Clients, name: str, properties: Properties) -> Made:
        """CreateLogGroup."""
        logs, name = clients("logs"), properties.get("LogGroupName", name)
        logs.create_log_group(logGroupName=name)
        found = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        return Made(name, {"Arn": next(one["arn"] for one in found if one["logGroupName"] == name)})

    def fill(self, clients: Clients, made: Made, properties: Properties, before: Properties | None) -> None:
        """PutRetentionPolicy, or none."""
        if days := properties.get("RetentionInDays"):
            clients("logs").put_retention_policy(logGroupName=made.id, retentionInDays=days)
        elif before and "RetentionInDays" in before:
            clients("logs").delete_retention_policy(logGroupName=made.id)

    def delete(self, clients: Clients, made: Made) -> None:
        """DeleteLogGroup."""
        clients("logs").delete_log_group(logGroupName=made.id)
