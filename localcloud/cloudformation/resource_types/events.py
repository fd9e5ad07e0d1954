"""AWS::Events::Rule."""

from __future__ import annotations

import json

from localcloud.cloudformation.resource_types.resource_type import Clients, PhysicalResource, Properties


class Rule:
    """A rule of the default bus; Ref is its name."""

    known = frozenset({"Description", "EventPattern", "Name", "ScheduleExpression", "State", "Targets"})
    fixed = frozenset({"Name"})

    def create(self, clients: Clients, name: str, properties: Properties) -> PhysicalResource:
        """PutRule, which is also how one is changed."""
        name = properties.get("Name", name[-64:].lstrip("-"))
        chosen = {
            key: properties[key]
            for key in ("Description", "ScheduleExpression", "State")
            if key in properties
        }
        if "EventPattern" in properties:
            chosen["EventPattern"] = json.dumps(properties["EventPattern"])
        return PhysicalResource(name, {"Arn": clients("events").put_rule(Name=name, **chosen)["RuleArn"]})

    def update(
        self, clients: Clients, physical: PhysicalResource, properties: Properties, before: Properties | None
    ) -> None:
        """PutTargets, RemoveTargets."""
        targets = {target["Id"]: target for target in properties.get("Targets", ())}
        if before is not None:
            self.create(clients, physical.id, properties)
            if gone := {target["Id"] for target in before.get("Targets", ())} - targets.keys():
                clients("events").remove_targets(Rule=physical.id, Ids=sorted(gone))
        if targets:
            clients("events").put_targets(Rule=physical.id, Targets=list(targets.values()))

    def delete(self, clients: Clients, physical: PhysicalResource) -> None:
        """RemoveTargets, DeleteRule."""
        events = clients("events")
        if ids := [target["Id"] for target in events.list_targets_by_rule(Rule=physical.id)["Targets"]]:
            events.remove_targets(Rule=physical.id, Ids=ids)
        events.delete_rule(Name=physical.id)
