"""`invoke schedule --on aws` deploys its template on the local cloud: each resource is there by its own
service's API, and goes again.

The role's policy is that of IAM, not of the template's text: what it allows is enforced by the local cloud.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localcloud.faults.consistency import CONSISTENT_AGENT
from tests.cloud.ec2_client import refused
from tests.cloud.invoke_runner import INVOKE, REPO, Done, InvokeRunner, as_on_a_terminal
from tests.cloud.privileges import calls_of

pytestmark = [pytest.mark.vm, pytest.mark.turn]
NAME = "hubsmith-rebuild-stacked"
MANIFEST = ("--manifest", "tests/cloud/tiny/manifest.yaml", "--set", "image.name=stacked", "--cloud", "aws")
SOURCE = "https://github.com/ada/hub.git"
ARN = "arn:aws:{}:us-east-1:123456789012:"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout's files elsewhere: the template is written into the checkout."""
    folder = tmp_path_factory.mktemp("stack") / "hubsmith"
    folder.mkdir()
    for name in (
        "build",
        "localcloud",
        "provisioners",
        "tests",
        "tasks.py",
        "manifest.yaml",
        "pyproject.toml",
    ):
        found = REPO / name
        (shutil.copytree if found.is_dir() else shutil.copy2)(found, folder / name)
    (folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    return folder


def scheduled(checkout: Path, runner: InvokeRunner, *arguments: str, **more: str) -> Done:
    """`invoke schedule --on aws`, at the local cloud's endpoint."""
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", **more}
    environment = {
        **as_on_a_terminal(),
        "AWS_ENDPOINT_URL": runner.endpoint,
        "AWS_REGION": "us-east-1",
        "COLUMNS": "80",
        **keys,
    }
    command = [str(INVOKE), "schedule", "--on", "aws", *MANIFEST, *arguments]
    done = subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def stack(checkout: Path, runner: InvokeRunner) -> Iterator[dict[str, str]]:
    """Logical id -> physical id."""
    done = scheduled(
        checkout,
        runner,
        "--every",
        "Mon 03:00",
        "--source",
        SOURCE,
        "--revision",
        "main",
        "--notify",
        "ada@example.org",
    )
    assert (done.status, done.last) == (0, NAME), done.err
    found = runner.client("cloudformation").describe_stack_resources(StackName=NAME)["StackResources"]
    yield {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}
    scheduled(checkout, runner, "--remove")


def test_the_project_runs_what_the_template_says(
    stack: dict[str, str], runner: InvokeRunner, checkout: Path
) -> None:
    (project,) = runner.client("codebuild").batch_get_projects(names=[NAME])["projects"]
    assert project["arn"] == ARN.format("codebuild") + f"project/{NAME}"
    assert project["serviceRole"] == f"arn:aws:iam::123456789012:role/{stack['BuildRole']}"
    assert (project["source"]["type"], project["source"]["location"], project["sourceVersion"]) == (
        "GITHUB",
        SOURCE,
        "main",
    )
    assert "invoke rebuild --scheduled --max-age 7d" in project["source"]["buildspec"]
    assert project["environment"]["environmentVariables"] == [
        {"name": "CI", "type": "PLAINTEXT", "value": "true"}
    ]
    assert (project["timeoutInMinutes"], project["queuedTimeoutInMinutes"]) == (240, 480)
    assert project["logsConfig"]["cloudWatchLogs"] == {"status": "ENABLED", "groupName": f"/hubsmith/{NAME}"}
    assert project["concurrentBuildLimit"] == 1
    assert (checkout / f"{NAME}.template.yaml").read_text() == runner.client("cloudformation").get_template(
        StackName=NAME
    )["TemplateBody"]


def test_the_schedule_starts_the_project(stack: dict[str, str], runner: InvokeRunner) -> None:
    schedule = runner.client("scheduler").get_schedule(Name=NAME)
    assert (schedule["ScheduleExpression"], schedule["ScheduleExpressionTimezone"]) == (
        "cron(0 3 ? * MON *)",
        "UTC",
    )
    target = schedule["Target"]
    assert target["Arn"] == ARN.format("codebuild") + f"project/{NAME}"
    assert target["RoleArn"] == f"arn:aws:iam::123456789012:role/{stack['ScheduleRole']}"
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 24}
    # Nothing in moto keeps time: what EventBridge would do, with the role it would do it with.
    role = assumed(runner, stack["ScheduleRole"])
    assert role("codebuild").start_build(projectName=NAME)["build"]["projectName"] == NAME
    with refused(
        "AccessDeniedException",
        "codebuild:StartBuild on resource: " + ARN.format("codebuild") + "project/other",
    ):
        role("codebuild").start_build(projectName="other")
    with refused("UnauthorizedOperation"):
        role("ec2").describe_images()


def test_logs_topic_and_rule(stack: dict[str, str], runner: InvokeRunner) -> None:
    (group,) = runner.client("logs").describe_log_groups(logGroupNamePrefix=f"/hubsmith/{NAME}")["logGroups"]
    assert group["retentionInDays"] == 90
    sns, topic = runner.client("sns"), ARN.format("sns") + f"{NAME}-failures"
    assert topic in [one["TopicArn"] for one in sns.list_topics()["Topics"]]
    (subscription,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "ada@example.org")
    rule = runner.client("events").describe_rule(Name=stack["FailureRule"])
    pattern = json.loads(rule["EventPattern"])
    assert pattern["detail"] == {"build-status": ["FAILED", "FAULT", "TIMED_OUT"], "project-name": [NAME]}
    (target,) = runner.client("events").list_targets_by_rule(Rule=stack["FailureRule"])["Targets"]
    assert (target["Arn"], target["InputTransformer"]["InputPathsMap"]["status"]) == (
        topic,
        "$.detail.build-status",
    )
    allow = json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])["Statement"]
    assert [(one["Principal"], one.get("Condition")) for one in allow] == [
        ({"Service": "events.amazonaws.com"}, None)
    ]


def test_the_role_of_the_project_may_look_whether_a_build_is_due_and_nothing_that_is_not_its_own(
    stack: dict[str, str], runner: InvokeRunner, checkout: Path
) -> None:
    iam, name = runner.client("iam"), stack["BuildRole"]
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Statement"][0]
    assert trust["Principal"] == {"Service": "codebuild.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ["hubsmith"]
    due = rebuild(checkout, runner, name)
    assert due.returncode == 3, due.stderr
    assert "due: there is no published image stacked yet" in due.stderr
    calls = calls_of_role(runner, name)
    assert "ec2:DescribeImages" in {call["action"] for call in calls}
    assert [call for call in calls if not call["allowed"]] == []

    role, owner = assumed(runner, name), runner.client("ec2")
    images = owner.describe_images(Filters=[{"Name": "name", "Values": ["tiny-*"]}])["Images"]
    foreign = owner.run_instances(
        ImageId=images[0]["ImageId"], InstanceType="t3.nano", MinCount=1, MaxCount=1
    )["Instances"][0]["InstanceId"]
    try:
        for call, parameters in (
            ("terminate_instances", {"InstanceIds": [foreign]}),
            ("create_tags", {"Resources": [foreign], "Tags": [{"Key": "hubsmith:run", "Value": "x"}]}),
            ("create_image", {"InstanceId": foreign, "Name": "stolen"}),
            ("modify_instance_attribute", {"InstanceId": foreign, "DisableApiTermination": {"Value": False}}),
            ("allocate_address", {}),
        ):
            with refused(
                "UnauthorizedOperation", f"assumed-role/{name}/tests is not authorized to perform: ec2:"
            ):
                getattr(role("ec2"), call)(**parameters)
        with refused(
            "AccessDeniedException", "ssm:GetParameter on resource: " + ARN.format("ssm") + "parameter/other"
        ):
            role("ssm").get_parameter(Name="/other")
        with refused("AccessDenied", "iam:GetRole"):
            role("iam").get_role(RoleName=name)
        # now it is a build's
        owner.create_tags(Resources=[foreign], Tags=[{"Key": "hubsmith:run", "Value": "x"}])
        role("ec2").terminate_instances(InstanceIds=[foreign])
    finally:
        owner.terminate_instances(InstanceIds=[foreign])
        owner.get_waiter("instance_terminated").wait(InstanceIds=[foreign], WaiterConfig={"Delay": 1})


def test_again_with_nothing_new_and_with_another_time(
    stack: dict[str, str], runner: InvokeRunner, checkout: Path
) -> None:
    same = ("--source", SOURCE, "--revision", "main", "--notify", "ada@example.org")
    for every, expression in (("Mon 03:00", "cron(0 3 ? * MON *)"), ("Tue 04:30", "cron(30 4 ? * TUE *)")):
        done = scheduled(checkout, runner, "--every", every, *same)
        assert done.status == 0, done.err
        assert runner.client("scheduler").get_schedule(Name=NAME)["ScheduleExpression"] == expression
    seen = runner.client("cloudformation").describe_stacks(StackName=NAME)["Stacks"][0]
    assert seen["StackStatus"] == "UPDATE_COMPLETE"
    assert seen["Outputs"][0] == {"OutputKey": "Project", "OutputValue": NAME}


def test_removed_it_leaves_nothing(stack: dict[str, str], runner: InvokeRunner, checkout: Path) -> None:
    done = scheduled(checkout, runner, "--remove")
    assert done.status == 0, done.err
    assert f"{NAME}: removed" in done.err
    assert runner.client("codebuild").list_projects()["projects"] == []
    assert runner.client("scheduler").list_schedules()["Schedules"] == []
    assert runner.client("sns").list_topics()["Topics"] == []
    assert runner.client("sns").list_subscriptions()["Subscriptions"] == []
    assert runner.client("events").list_rules()["Rules"] == []
    assert runner.client("logs").describe_log_groups()["logGroups"] == []
    assert [
        role for role in runner.client("iam").list_roles()["Roles"] if NAME[:20] in role["RoleName"]
    ] == []
    assert f"there is no {NAME} on aws" in scheduled(checkout, runner, "--remove").err


def test_a_stack_that_cannot_be_made_says_why_and_leaves_nothing(
    runner: InvokeRunner, checkout: Path
) -> None:
    runner.client("logs").create_log_group(logGroupName=f"/hubsmith/{NAME}")
    try:
        done = scheduled(checkout, runner, "--every", "Mon 03:00", "--source", SOURCE)
        assert done.status == 1
        assert "the stack is DELETE_COMPLETE" in done.err
        assert "Logs: " in done.err
        assert "already exists" in done.err
        assert runner.client("codebuild").list_projects()["projects"] == []
        with pytest.raises(ClientError, match="does not exist"):
            runner.client("cloudformation").describe_stacks(StackName=NAME)
    finally:
        runner.client("logs").delete_log_group(logGroupName=f"/hubsmith/{NAME}")


def test_a_repository_that_codebuild_does_not_know_is_cloned_by_the_build_itself(
    runner: InvokeRunner, checkout: Path
) -> None:
    done = scheduled(
        checkout,
        runner,
        "--every",
        "Mon 03:00",
        "--source",
        "https://git.example.org/hub.git",
        "--revision",
        "v1",
    )
    assert (done.status, done.last) == (0, NAME), done.err
    (project,) = runner.client("codebuild").batch_get_projects(names=[NAME])["projects"]
    assert project["source"]["type"] == "NO_SOURCE"
    assert (
        "git clone --quiet https://git.example.org/hub.git checkout && cd checkout && git checkout --quiet v1"
        in project["source"]["buildspec"]
    )
    assert scheduled(checkout, runner, "--remove").status == 0


def credentials(runner: InvokeRunner, role: str) -> dict[str, str]:
    """Of the role, as CodeBuild or EventBridge would get them; whom it trusts was looked at above."""
    arn = runner.client("iam").get_role(RoleName=role)["Role"]["Arn"]
    given: dict[str, str] = runner.client("sts").assume_role(RoleArn=arn, RoleSessionName="tests")[
        "Credentials"
    ]
    return given


def assumed(runner: InvokeRunner, role: str) -> Any:
    """Service -> a client in that role."""
    given = credentials(runner, role)
    keys = {"aws_access_key_id": given["AccessKeyId"], "aws_secret_access_key": given["SecretAccessKey"]}

    session: Any = boto3.Session()  # whose stubs want the service as a literal

    def client(service: str) -> Any:
        return session.client(
            service,
            endpoint_url=runner.endpoint,
            region_name="us-east-1",
            aws_session_token=given["SessionToken"],
            config=Config(user_agent_extra=CONSISTENT_AGENT),
            **keys,
        )

    return client


def rebuild(checkout: Path, runner: InvokeRunner, role: str) -> subprocess.CompletedProcess[str]:
    """`rebuild --check` as the project would run it."""
    given = credentials(runner, role)
    keys = {"AWS_ACCESS_KEY_ID": given["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"]}
    keys["AWS_SESSION_TOKEN"] = given["SessionToken"]
    aws = {
        "AWS_ENDPOINT_URL": runner.endpoint,
        "AWS_REGION": "us-east-1",
        "HUBSMITH_STATE": str(runner.state / "elsewhere"),
        **keys,
    }
    command = [str(INVOKE), "rebuild", "--check", *MANIFEST]
    return subprocess.run(
        command,
        cwd=checkout,
        env={**os.environ, **aws},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def calls_of_role(runner: InvokeRunner, role: str) -> list[dict[str, Any]]:
    from localcloud.server import control

    endpoint = control.find(runner.state / "cloud")
    assert endpoint is not None
    return calls_of(endpoint, role)
