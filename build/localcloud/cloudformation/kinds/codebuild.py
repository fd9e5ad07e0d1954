"""AWS::CodeBuild::Project."""

from __future__ import annotations

from build.localcloud.cloudformation.kinds.kind import Clients, Made, Properties, Value


class Project:
    """Ref is its name. What is within its properties is checked by botocore's description of CreateProject."""

    known = frozenset({
        "Artifacts", "ConcurrentBuildLimit", "Description", "Environment", "LogsConfig", "Name", "QueuedTimeoutInMinutes", "ServiceRole",
        "Source", "SourceVersion", "TimeoutInMinutes",
    })  # fmt: skip
    fixed = frozenset({"Name"})

    def make(self, clients: Clients, name: str, properties: Properties) -> Made:
        """CreateProject."""
        project = clients("codebuild").create_project(**_call_form({"Name": name, **properties}))["project"]
        return Made(project["name"], {"Arn": project["arn"]})

    def fill(self, clients: Clients, made: Made, properties: Properties, before: Properties | None) -> None:
        """A new one of the same name: moto has no UpdateProject."""
        if before is not None:
            self.delete(clients, made)
            self.make(clients, made.id, properties)

    def delete(self, clients: Clients, made: Made) -> None:
        """DeleteProject."""
        clients("codebuild").delete_project(name=made.id)


def _call_form(value: Value) -> Value:
    """The properties as the call spells them: the first letter of each key is small."""
    if isinstance(value, dict):
        return {"buildspec" if key == "BuildSpec" else key[:1].lower() + key[1:]: _call_form(one) for key, one in value.items()}
    return [_call_form(one) for one in value] if isinstance(value, list) else value
