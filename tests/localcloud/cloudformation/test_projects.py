"""CodeBuild projects: by their own API, and as a stack makes and changes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.localcloud.cloudformation.test_stacks import deploy

Client = Callable[..., Any]
ROLE = "arn:aws:iam::123456789012:role/x"
ENVIRONMENT = {
    "Type": "LINUX_CONTAINER",
    "ComputeType": "BUILD_GENERAL1_SMALL",
    "Image": "aws/codebuild/standard:7.0",
}
GITHUB = {"Type": "GITHUB", "Location": "https://github.com/ada/hub.git", "BuildSpec": "version: 0.2"}
NOWHERE = {"Type": "NO_SOURCE", "BuildSpec": "version: 0.2"}


def project(source: dict[str, str] = GITHUB, **more: Any) -> dict[str, Any]:
    properties = {
        "Name": "tests",
        "ServiceRole": ROLE,
        "Artifacts": {"Type": "NO_ARTIFACTS"},
        "Environment": ENVIRONMENT,
        "Source": source,
    }
    return {"Type": "AWS::CodeBuild::Project", "Properties": {**properties, **more}}


def seen(client: Client) -> dict[str, Any]:
    (found,) = client("codebuild").batch_get_projects(names=["tests"])["projects"]
    return dict(found)


def test_a_stack_changes_its_project_and_keeps_what_it_has_done(client: Client) -> None:
    deploy(client, {"Project": project(ConcurrentBuildLimit=1, Description="first", TimeoutInMinutes=240)})
    first = seen(client)
    assert (first["concurrentBuildLimit"], first["description"], first["timeoutInMinutes"]) == (
        1,
        "first",
        240,
    )
    build = client("codebuild").start_build(projectName="tests")["build"]["id"]

    updated = deploy(client, {"Project": project(ConcurrentBuildLimit=2, SourceVersion="main")}, "update")
    assert updated["StackStatus"] == "UPDATE_COMPLETE"
    second = seen(client)
    assert (second["concurrentBuildLimit"], second["sourceVersion"], second["timeoutInMinutes"]) == (
        2,
        "main",
        60,
    )
    assert "description" not in second
    assert second["created"] == first["created"]
    assert second["lastModified"] > first["lastModified"]
    assert client("codebuild").list_builds_for_project(projectName="tests")["ids"] == [build]

    deploy(client, {"Project": project()}, "update")
    assert not {"concurrentBuildLimit", "sourceVersion"} & set(seen(client))


def test_a_project_may_have_no_source_but_then_says_what_it_runs(client: Client) -> None:
    assert deploy(client, {"Project": project(NOWHERE)})["StackStatus"] == "CREATE_COMPLETE"
    assert seen(client)["source"] == {"type": "NO_SOURCE", "buildspec": "version: 0.2"}
    client("codebuild").update_project(name="tests", description="other")
    assert (seen(client)["source"]["type"], seen(client)["description"]) == ("NO_SOURCE", "other")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": {"type": "NO_SOURCE"}}, "buildspec is required"),
        (
            {"source": {"type": "NO_SOURCE", "buildspec": "x", "location": "https://x"}},
            "location must be null",
        ),
        ({"source": {"type": "GITHUB"}}, "Project source location is required"),
        ({"concurrentBuildLimit": 0}, "Invalid concurrentBuildLimit: 0"),
        ({"serviceRole": "arn:aws:iam::210987654321:role/x"}, "Invalid service role"),
        ({"artifacts": {"type": "NOWHERE"}}, "Invalid type provided"),
    ],
)
def test_what_a_change_of_a_project_refuses(client: Client, change: dict[str, Any], words: str) -> None:
    deploy(client, {"Project": project()})
    before = seen(client)
    with pytest.raises(ClientError, match=words) as refused:
        client("codebuild").update_project(name="tests", **change)
    assert refused.value.response["Error"]["Code"] == "InvalidInputException"
    assert seen(client) == before


def test_a_project_that_is_not_there(client: Client) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client("codebuild").update_project(name="nobody", description="x")
    answer = client("codebuild").batch_get_projects(names=["nobody"])
    assert (answer["projects"], answer["projectsNotFound"]) == ([], ["nobody"])
