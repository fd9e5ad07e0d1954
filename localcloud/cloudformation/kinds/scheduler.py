"""AWS::Scheduler::Schedule."""

from __future__ import annotations

from localcloud.cloudformation.kinds.kind import Clients, Made, Properties


class Schedule:
    """Ref is its name; its properties are the parameters of CreateSchedule."""

    known = frozenset({
        "Description", "EndDate", "FlexibleTimeWindow", "GroupName", "Name", "ScheduleExpression",
        "ScheduleExpressionTimezone",
        "StartDate", "State", "Target",
    })  # fmt: skip
    fixed = frozenset({"GroupName", "Name"})

    def make(self, clients: Clients, name: str, properties: Properties) -> Made:
        """CreateSchedule."""
        name = properties.get("Name", name[-64:].lstrip("-"))
        arn = clients("scheduler").create_schedule(**{**properties, "Name": name})["ScheduleArn"]
        return Made(name, {"Arn": arn})

    def fill(self, clients: Clients, made: Made, properties: Properties, before: Properties | None) -> None:
        """UpdateSchedule."""
        if before is not None:
            clients("scheduler").update_schedule(**{**properties, "Name": made.id})

    def delete(self, clients: Clients, made: Made) -> None:
        """DeleteSchedule, in the group that its ARN names."""
        group = made.attributes["Arn"].split("/")[-2]
        clients("scheduler").delete_schedule(Name=made.id, GroupName=group)
