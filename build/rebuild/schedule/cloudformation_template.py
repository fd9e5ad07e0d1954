"""A CloudFormation template: EventBridge Scheduler starts a CodeBuild project, which runs the rebuild.

Each role may do what its part needs and no more; logs are kept for three months; a failed build sends a
message to a topic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from build.manifest import Manifest
from build.rebuild.schedule import policy
from build.rebuild.schedule.job import INVOKE, SETUP, Job

MINUTES = 240
_LOG_DAYS = 90
_IMAGE = "aws/codebuild/standard:7.0"
_HOSTS = {
    "https://github.com/": "GITHUB",
    "https://bitbucket.org/": "BITBUCKET",
    "https://git-codecommit.": "CODECOMMIT",
}
Properties = dict[str, Any]


class _Plain(yaml.SafeDumper):
    """CloudFormation takes no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        """Whatever it is."""
        return True


@dataclass(frozen=True)
class Source:
    """Where CodeBuild gets the checkout from: a git repository by https, and the branch, tag or commit."""

    url: str
    revision: str


def template(job: Job, manifest: Manifest, source: Source, notify: str = "") -> str:
    """The template as YAML."""
    return yaml.dump(document(job, manifest, source, notify), Dumper=_Plain, sort_keys=False, width=140)


def document(job: Job, manifest: Manifest, source: Source, notify: str = "") -> dict[str, Any]:
    """The template as CloudFormation reads it."""
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Rebuilds the image {manifest.image.name} when something has changed ({job.when}); "
        "written by invoke schedule",
        "Resources": {
            "Logs": _resource(
                "AWS::Logs::LogGroup", {"LogGroupName": f"/hubsmith/{job.name}", "RetentionInDays": _LOG_DAYS}
            ),
            "BuildRole": _role("codebuild.amazonaws.com", [*policy.statements(manifest), _write_logs()]),
            "Project": _resource("AWS::CodeBuild::Project", project(job, source)),
            "ScheduleRole": _role("scheduler.amazonaws.com", [_start_build()]),
            "Schedule": _resource("AWS::Scheduler::Schedule", schedule(job)),
            "Failures": _resource("AWS::SNS::Topic", _topic(job, notify)),
            "FailuresPolicy": _resource("AWS::SNS::TopicPolicy", _topic_policy()),
            "FailureRule": _resource("AWS::Events::Rule", _rule(job)),
        },
        "Outputs": {"Project": {"Value": {"Ref": "Project"}}, "Topic": {"Value": {"Ref": "Failures"}}},
    }


def buildspec(job: Job, source: Source) -> str:
    """What CodeBuild runs."""
    fetch = (
        []
        if _host(source)
        else [
            f"git clone --quiet {source.url} checkout && cd checkout && git checkout --quiet "
            f"{source.revision}"
        ]
    )
    phases = {"install": {"commands": [*fetch, SETUP]}, "build": {"commands": job.lines(INVOKE)}}
    return yaml.safe_dump({"version": 0.2, "phases": phases}, sort_keys=False, width=10_000)


def project(job: Job, source: Source) -> Properties:
    """AWS::CodeBuild::Project.

    One build at a time: a second one waits in the queue, and then finds nothing to do.
    """
    host = _host(source)
    where = {"Type": host, "Location": source.url, "GitCloneDepth": 1} if host else {"Type": "NO_SOURCE"}
    return {
        "Name": job.name,
        "Description": f"Rebuild the image {job.image} if something has changed",
        "ServiceRole": {"Fn::GetAtt": ["BuildRole", "Arn"]},
        "Source": {**where, "BuildSpec": buildspec(job, source)},
        **({"SourceVersion": source.revision} if host else {}),
        "Artifacts": {"Type": "NO_ARTIFACTS"},
        "Environment": {
            "Type": "LINUX_CONTAINER",
            "ComputeType": "BUILD_GENERAL1_SMALL",
            "Image": _IMAGE,
            "EnvironmentVariables": [{"Name": "CI", "Type": "PLAINTEXT", "Value": "true"}],
        },
        "TimeoutInMinutes": MINUTES,
        "QueuedTimeoutInMinutes": 480,
        "ConcurrentBuildLimit": 1,
        "LogsConfig": {"CloudWatchLogs": {"Status": "ENABLED", "GroupName": {"Ref": "Logs"}}},
    }


def schedule(job: Job) -> Properties:
    """AWS::Scheduler::Schedule.

    A start that fails is tried again for a day, so that a missed run is made up for.
    """
    return {
        "Name": job.name,
        "Description": f"Rebuild the image {job.image}: {job.when} (UTC)",
        "ScheduleExpression": job.when.eventbridge,
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": {"Fn::GetAtt": ["Project", "Arn"]},
            "RoleArn": {"Fn::GetAtt": ["ScheduleRole", "Arn"]},
            "RetryPolicy": {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 24},
        },
    }


def _host(source: Source) -> str | None:
    """CodeBuild's name of the service the repository is on; None: it is cloned by the build itself."""
    return next((kind for start, kind in _HOSTS.items() if source.url.startswith(start)), None)


def _resource(kind: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"Type": kind, "Properties": dict(properties)}


def _role(service: str, statements: list[policy.Statement]) -> dict[str, Any]:
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    # Only on behalf of this account: no other customer's project or schedule can use the role.
    trust["Condition"] = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    return _resource(
        "AWS::IAM::Role",
        {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "Policies": [
                {
                    "PolicyName": "hubsmith",
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
                }
            ],
        },
    )


def _write_logs() -> policy.Statement:
    actions = ["logs:CreateLogStream", "logs:PutLogEvents"]
    return {"Sid": "Logs", "Effect": "Allow", "Action": actions, "Resource": {"Fn::GetAtt": ["Logs", "Arn"]}}


def _start_build() -> policy.Statement:
    return {
        "Sid": "Start",
        "Effect": "Allow",
        "Action": "codebuild:StartBuild",
        "Resource": {"Fn::GetAtt": ["Project", "Arn"]},
    }


def _topic(job: Job, notify: str) -> Properties:
    subscription = [{"Protocol": "email", "Endpoint": notify}] if notify else []
    return {"TopicName": f"{job.name}-failures", **({"Subscription": subscription} if subscription else {})}


def _topic_policy() -> Properties:
    topic = {"Ref": "Failures"}
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["FailureRule", "Arn"]}}},
    }
    return {"Topics": [topic], "PolicyDocument": {"Version": "2012-10-17", "Statement": [allow]}}


def _rule(job: Job) -> Properties:
    """One message a failed build; after three failures in a row runs pause (build/rebuild/failures.py)."""
    return {
        "Description": f"A rebuild of the image {job.image} failed",
        "EventPattern": {
            "source": ["aws.codebuild"],
            "detail-type": ["CodeBuild Build State Change"],
            "detail": {
                "build-status": ["FAILED", "FAULT", "TIMED_OUT"],
                "project-name": [{"Ref": "Project"}],
            },
        },
        "Targets": [
            {
                "Id": "failures",
                "Arn": {"Ref": "Failures"},
                "InputTransformer": {
                    "InputPathsMap": {
                        "status": "$.detail.build-status",
                        "logs": "$.detail.additional-information.logs.deep-link",
                    },
                    "InputTemplate": f'"The rebuild of the image {job.image} ended as <status>. '
                    'Its log: <logs>"',
                },
            }
        ],
    }
