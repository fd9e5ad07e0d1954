"""AWS::Scheduler::Schedule."""

from __future__ import annotations

from localcloud.cloudformation.resource_types.resource_type import Clients, PhysicalResource, Properties


class Schedule:
    """Ref is its name; its properties are the parameters of CreateSchedule."""

    known = frozenset({
        "Description", "EndDate", "FlexibleTimeWindow", "GroupName", "Name", "ScheduleExpression",
        "ScheduleExpressionTimezone",
        "StartDate", "State", "Target",
    })  # fmt: skip
    fixed = frozenset({"GroupName", "Name"})

    def create(self, clients: Clients, name: str, properties: Properties) -> PhysicalResource:
        """CreateSchedule."""
        name = properties.get("Name", name[-64:].lstrip("-"))
        arn = clients("scheduler").create_schedule(**{**properties, "Name": name})["ScheduleArn"]
        return PhysicalResource(name, {"Arn": arn})

    def update(
        self, clients: Clients, physical: PhysicalResource, properties: Properties, before: Properties | None
    ) -> None:
        """UpdateSchedule."""
        if before is not None:
            clients("scheduler").update_schedule(**{**properties, "Name": physical.id})

    def delete(self, clients: Clients, physical: PhysicalResource) -> None:
        """DeleteSchedule, in the group that its ARN names."""
        group = physical.attributes["Arn"].split("/")[-2]
        clients("scheduler").delete_schedule(Name=physical.id, GroupName=group)
