"""AWS::CodeBuild::Project."""

from __future__ import annotations

from localcloud.cloudformation.kinds.kind import Clients, Made, Properties, Value

_LEFT_OUT: Properties = {
    "ConcurrentBuildLimit": -1,
    "Description": "",
    "LogsConfig": {"CloudWatchLogs": {"Status": "ENABLED"}},
    "QueuedTimeoutInMinutes": 480,
    "SourceVersion": "",
    "TimeoutInMinutes": 60,
}
"""What CodeBuild has where a template says nothing any more: UpdateProject would leave those as they were."""


class Project:
    """Ref is its name. What is within its properties is checked by botocore's model of CreateProject."""

    known = frozenset({
        "Artifacts", "ConcurrentBuildLimit", "Description", "Environment", "LogsConfig", "Name",
        "QueuedTimeoutInMinutes", "ServiceRole",
        "Source", "SourceVersion", "TimeoutInMinutes",
    })  # fmt: skip
    fixed = frozenset({"Name"})

    def make(self, clients: Clients, name: str, properties: Properties) -> Made:
        """CreateProject."""
        project = clients("codebuild").create_project(**_call_form({"Name": name, **properties}))["project"]
        return Made(project["name"], {"Arn": project["arn"]})

    def fill(self, clients: Clients, made: Made, properties: Properties, before: Properties | None) -> None:
        """UpdateProject."""
        if before is not None:
            clients("codebuild").update_project(**_call_form({**_LEFT_OUT, **properties, "Name": made.id}))

    def delete(self, clients: Clients, made: Made) -> None:
        """DeleteProject."""
        clients("codebuild").delete_project(name=made.id)


def _call_form(value: Value) -> Value:
    """The properties as the call spells them: the first letter of each key is small."""
    if isinstance(value, dict):
        return {
            "buildspec" if key == "BuildSpec" else key[:1].lower() + key[1:]: _call_form(one)
            for key, one in value.items()
        }
    return [_call_form(one) for one in value] if isinstance(value, list) else value
