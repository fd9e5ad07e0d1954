"""What `invoke schedule` writes is what systemd, cron, GitHub and CloudFormation take and run."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from build.manifest import Manifest, load
from build.rebuild.schedule import cloudformation as schedule_cloudformation
from build.rebuild.schedule import cron, github, policy, systemd
from build.rebuild.schedule.cloudformation_template import (
    Source,
    buildspec,
    document,
    project,
    schedule,
    template,
)
from build.rebuild.schedule.job import INVOKE, REPOSITORY, Job
from build.rebuild.schedule.weekly_time import WeeklyTime
from build.report.reporter import Reporter
from localcloud.iam import request_context, resource_tags
from localcloud.iam.policy import decide
from tests.unit.docs.policies import actions

JOB = Job(
    "jupyter hub/50%",
    WeeklyTime.parse("Mon 03:00"),
    ("--cloud", "aws", "--set", "image.description=a 'b' $c"),
    "7d",
    prune=True,
)
SOURCE = Source("https://github.com/ada/hub.git", "main")
REBUILD = (
    ".venv/bin/invoke rebuild --scheduled --max-age 7d --cloud aws --set 'image.description=a "
    "'\"'\"'b'\"'\"' $c'"
)


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return load(
        REPOSITORY / "manifest.yaml",
        cloud="aws",
        overrides=[
            "base.ssm_parameter=/aws/service/debian/x",
            "base.owner=null",
            "base.name=null",
            "python.accept_terms=true",
        ],
    )


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for name, content in systemd.units(JOB).items():
        (tmp_path / name).write_text(content)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["hubsmith-rebuild-jupyter-hub-50.service", "hubsmith-rebuild-jupyter-hub-50.timer"]
    command = ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in names)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert [line for line in checked.stderr.splitlines() if "hubsmith" in line] == []


def test_the_timer_makes_up_for_what_was_slept_through() -> None:
    units = systemd.units(JOB)
    assert "Persistent=true" in units["hubsmith-rebuild-jupyter-hub-50.timer"]
    service = units["hubsmith-rebuild-jupyter-hub-50.service"]
    assert f"ExecStart={REPOSITORY / INVOKE} rebuild --scheduled --max-age 7d --cloud aws --set" in service
    assert "\"image.description=a 'b' $$c\"" in service
    assert service.count("ExecStart=") == 2


@pytest.fixture
def crontab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A crontab program that keeps its lines in a file: nobody's own crontab is to be touched."""
    program, table = tmp_path / "bin" / "crontab", tmp_path / "table"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nif [ "$1" = -l ]; then cat {table} 2>/dev/null; else cat >{table}; fi\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return table


def test_cron_keeps_other_lines_and_only_one_of_ours(crontab: Path) -> None:
    crontab.write_text("MAILTO=ada\n5 4 * * * true")
    cron.install(JOB)
    cron.install(Job(JOB.image, WeeklyTime.parse("Tue 04:00"), ()))
    lines = crontab.read_text().splitlines()
    assert lines[:2] == ["MAILTO=ada", "5 4 * * * true"]
    assert lines[3].startswith(f"0 4 * * 2 cd {REPOSITORY} && ")
    assert lines[4].startswith("@reboot sleep 120; cd ")
    assert "--catch-up 'Tue 04:00'" in lines[4]
    assert len(lines) == 6
    assert cron.remove(JOB.name)
    assert crontab.read_text().splitlines() == lines[:2]
    assert not cron.remove(JOB.name)


def test_cron_has_no_bare_percent_sign() -> None:
    job = Job("x", WeeklyTime.parse("Mon 03:00"), ("--set", "hub.cpu_limit=50%"))
    assert "50\\%" in cron.lines(job)


def test_the_workflow_runs_the_same_and_one_at_a_time() -> None:
    read = yaml.safe_load(github.workflow(JOB, "eu-west-1"))
    assert read[True]["schedule"] == [{"cron": "0 3 * * 1"}]  # YAML 1.1 reads "on" as true; GitHub does not
    assert read["concurrency"]["cancel-in-progress"] is False
    steps = read["jobs"]["rebuild"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == [
        "make .venv/.runtime",
        REBUILD,
        JOB.lines(INVOKE)[1],
    ]
    assert steps[1]["with"]["aws-region"] == "eu-west-1"


def test_the_workflows_credentials_last_as_long_as_its_job() -> None:
    job = yaml.safe_load(github.workflow(JOB, "eu-west-1"))["jobs"]["rebuild"]
    seconds = job["steps"][1]["with"]["role-duration-seconds"]
    assert seconds == 60 * job["timeout-minutes"]
    guide = (REPOSITORY / "docs/howto/aws.md").read_text(encoding="utf-8")
    assert f"--max-session-duration {seconds}" in guide


def test_codebuild_runs_the_same() -> None:
    phases = yaml.safe_load(buildspec(JOB, SOURCE))["phases"]
    assert phases["install"]["commands"] == ["make .venv/.runtime"]
    assert phases["build"]["commands"][0] == REBUILD
    elsewhere = yaml.safe_load(buildspec(JOB, Source("https://git.example.org/hub.git", "v1")))["phases"]
    assert elsewhere["install"]["commands"][0].startswith(
        "git clone --quiet https://git.example.org/hub.git checkout && cd checkout"
    )


def test_cfn_lint_has_nothing_to_say(manifest: Manifest, tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(template(JOB, manifest, SOURCE, "ops@example.org"))
    checked = subprocess.run(
        ["cfn-lint", str(path)], capture_output=True, text=True, check=False, env=_own_path()
    )
    assert (checked.returncode, checked.stdout) == (0, "")


def test_failures_are_published_without_a_condition(manifest: Manifest) -> None:
    """EventBridge gives SNS nothing that a Condition could compare."""
    resources = document(JOB, manifest, SOURCE, "ops@example.org")["Resources"]
    (allow,) = resources["FailuresPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert allow == {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": {"Ref": "Failures"},
    }


@pytest.mark.parametrize(
    ("url", "resource"),
    [
        (
            "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/hub",
            "arn:${AWS::Partition}:codecommit:eu-west-1:${AWS::AccountId}:hub",
        ),
        (
            "https://git-codecommit.cn-north-1.amazonaws.com.cn/v1/repos/my.hub/",
            "arn:${AWS::Partition}:codecommit:cn-north-1:${AWS::AccountId}:my.hub",
        ),
        (SOURCE.url, None),
        ("https://git.example.org/hub.git", None),
    ],
)
def test_the_project_may_pull_from_its_codecommit_repository(
    manifest: Manifest, url: str, resource: str | None
) -> None:
    role = document(JOB, manifest, Source(url, "main"))["Resources"]["BuildRole"]["Properties"]
    found = [
        statement["Resource"]["Fn::Sub"]
        for statement in role["Policies"][0]["PolicyDocument"]["Statement"]
        if statement["Action"] == ["codecommit:GitPull"]
    ]
    assert found == ([resource] if resource else [])


def test_the_build_may_change_only_what_builds_made(manifest: Manifest) -> None:
    role = document(JOB, manifest, SOURCE)["Resources"]["BuildRole"]["Properties"]
    for statement in role["Policies"][0]["PolicyDocument"]["Statement"]:
        harmful = [
            action
            for action in statement["Action"]
            if any(
                word in action
                for word in (
                    "Delete",
                    "Terminate",
                    "Stop",
                    "Deregister",
                    "Modify",
                    "Attach",
                    "Authorize",
                    "Reboot",
                )
            )
        ]
        assert not harmful or "aws:ResourceTag" in str(statement["Condition"])
        assert not any("*" in action for action in statement["Action"])
        assert statement["Resource"] != "*" or all(
            action.startswith("ec2:") for action in statement["Action"]
        )


def test_a_build_that_shares_may_share_what_builds_made() -> None:
    shared = load(
        REPOSITORY / "manifest.yaml",
        cloud="local",
        overrides=[
            "publish.launch_permissions={user_ids: ['210987654321']}",
            "builder.root_volume.encrypted=false",
        ],
    )
    statements = {statement["Sid"]: statement for statement in policy.statements(shared)}
    assert statements["Share"]["Action"] == ["ec2:ModifyImageAttribute", "ec2:ModifySnapshotAttribute"]
    found = json.loads(json.dumps({"Statement": [statements["Share"]]}))

    def may(operation: str, parameters: dict[str, str], *tagged: str) -> bool:
        asked = request_context.call("ec2", operation, parameters, "r", "1")
        return decide(
            [found],
            replace(
                asked, of_resource={one: resource_tags.keys_of([("hubsmith:run", "x")]) for one in tagged}
            ),
        ).allowed

    for operation, parameters, arn in (
        ("ModifyImageAttribute", {"ImageId": "ami-01"}, "arn:aws:ec2:r::image/ami-01"),
        ("ModifySnapshotAttribute", {"SnapshotId": "snap-01"}, "arn:aws:ec2:r::snapshot/snap-01"),
    ):
        assert may(operation, parameters, arn)
        assert not may(operation, parameters)
    assert "Share" not in {
        statement["Sid"] for statement in policy.statements(load(REPOSITORY / "manifest.yaml", cloud="local"))
    }


def test_the_role_may_copy_to_the_regions_of_the_manifest_only() -> None:
    overrides = ["python.accept_terms=true", "publish.regions=[eu-west-1]"]
    may = judge(load(REPOSITORY / "manifest.yaml", cloud="aws", overrides=overrides))
    tags = [{"ResourceType": kind, "Tags": [{"Key": "a", "Value": "b"}]} for kind in ("image", "snapshot")]
    asked = {"SourceImageId": "ami-01", "SourceRegion": "r", "TagSpecifications": tags}
    assert may("CopyImage", asked, region="eu-west-1")
    assert not may("CopyImage", asked, region="eu-west-2")
    assert not judge(load(REPOSITORY / "manifest.yaml", cloud="local"))(
        "CopyImage", asked, region="eu-west-1"
    )


def judge(manifest: Manifest) -> Callable[..., bool]:
    """Whether the project's role may do something, by the local cloud's evaluator.

    To the ARNs that come last it has given its tag.
    """
    role = json.dumps(
        document(JOB, manifest, SOURCE)["Resources"]["BuildRole"]["Properties"]["Policies"][0][
            "PolicyDocument"
        ]
    )
    found = json.loads(
        re.sub(r'\{"Fn::Sub": ("[^"]*")\}', r"\1", role)
        .replace("${AWS::Partition}", "aws")
        .replace("${AWS::Region}", "r")
    )

    def may(operation: str, parameters: dict[str, Any], *owned: str, region: str = "r") -> bool:
        asked = ("ec2", operation, parameters, region, "1")
        of_resource = {one: resource_tags.keys_of([("hubsmith:run", "x")]) for one in owned}
        wanted = [one for one in (request_context.call(*asked), request_context.implied(*asked)) if one]
        return all(
            decide([found], replace(one, of_resource={**one.of_resource, **of_resource})).allowed
            for one in wanted
        )

    return may


@pytest.mark.parametrize(
    ("operation", "parameters", "arn"),
    [
        ("TerminateInstances", {"InstanceIds": ["i-01"]}, "arn:aws:ec2:r:1:instance/i-01"),
        ("DeleteVolume", {"VolumeId": "vol-01"}, "arn:aws:ec2:r:1:volume/vol-01"),
        ("DeregisterImage", {"ImageId": "ami-01"}, "arn:aws:ec2:r::image/ami-01"),
        ("DeleteSnapshot", {"SnapshotId": "snap-01"}, "arn:aws:ec2:r::snapshot/snap-01"),
        ("DeleteSecurityGroup", {"GroupId": "sg-01"}, "arn:aws:ec2:r:1:security-group/sg-01"),
    ],
)
def test_the_role_may_sweep_what_builds_have_left(
    manifest: Manifest, operation: str, parameters: dict[str, Any], arn: str
) -> None:
    may = judge(manifest)
    assert may(operation, parameters, arn)
    assert not may(operation, parameters)


def test_the_role_may_look_for_what_builds_have_left(manifest: Manifest) -> None:
    may = judge(manifest)
    for kind in ("Images", "Instances", "SecurityGroups", "Snapshots", "Volumes"):
        assert may(f"Describe{kind}", {})


def test_the_build_tags_and_copies_nothing_that_is_not_its_own(manifest: Manifest) -> None:
    """Whoever may tag an instance could end it afterwards."""
    may = judge(manifest)
    mark = [{"Key": "hubsmith:run", "Value": "x"}]
    instance, volume = "arn:aws:ec2:r:1:instance/i-01", "arn:aws:ec2:r:1:volume/vol-01"
    assert not may("CreateTags", {"Resources": ["i-01"], "Tags": mark})
    assert may("CreateTags", {"Resources": ["i-01"], "Tags": mark}, instance)
    assert may(
        "RunInstances",
        {"ImageId": "ami-01", "TagSpecifications": [{"ResourceType": "instance", "Tags": mark}]},
    )
    assert not may("AllocateAddress", {"TagSpecifications": [{"ResourceType": "elastic-ip", "Tags": mark}]})
    for operation, source, parameters in (
        (
            "CreateSnapshot",
            volume,
            {"VolumeId": "vol-01", "TagSpecifications": [{"ResourceType": "snapshot", "Tags": mark}]},
        ),
        (
            "CreateImage",
            instance,
            {
                "InstanceId": "i-01",
                "Name": "x",
                "TagSpecifications": [{"ResourceType": "image", "Tags": mark}],
            },
        ),
        ("TerminateInstances", instance, {"InstanceIds": ["i-01"]}),
    ):
        assert not may(operation, parameters)
        assert may(operation, parameters, source)
    assert not may("AttachVolume", {"InstanceId": "i-01", "VolumeId": "vol-01"}, instance)
    assert may("AttachVolume", {"InstanceId": "i-01", "VolumeId": "vol-01"}, instance, volume)


def test_the_policy_of_a_build_has_all_that_a_scheduled_build_may_do() -> None:
    given = actions("build", "share")
    wanted = {
        f"ec2:{action}"
        for action in (
            *policy.READ,
            *policy.MAKE,
            *policy.COPY,
            *policy.CHANGE,
            *policy.SHARE,
            *policy.SEE_BLOCKS,
        )
    }
    assert wanted - given == set()


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Any:
    moto = pytest.importorskip("moto")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    mocked = moto.mock_aws()
    # resetting needs moto as it was, which a process that has had the local cloud no longer has
    mocked.start(reset=False)
    try:
        yield boto3.Session(region_name="us-east-1")
    finally:
        mocked.stop(remove_data=False)


def _call_form(properties: dict[str, Any]) -> dict[str, Any]:
    """CloudFormation's spelling of a project as the API's: the first letter of each key is small."""
    return {
        key[:1].lower() + key[1:]: _call_form(value) if isinstance(value, dict) else value
        for key, value in properties.items()
    }


def test_a_real_project_and_schedule_take_the_properties(account: Any) -> None:
    """CloudFormation accepts what it does not know; the services and botocore's models do not."""
    role = "arn:aws:iam::123456789012:role/x"
    wanted = project(JOB, SOURCE) | {
        "ServiceRole": role,
        "LogsConfig": {"CloudWatchLogs": {"Status": "ENABLED", "GroupName": "x"}},
    }
    call = _call_form(wanted)
    call["source"]["buildspec"] = call["source"].pop("buildSpec")
    call["environment"]["environmentVariables"] = [
        _call_form(one) for one in call["environment"]["environmentVariables"]
    ]
    codebuild = account.client("codebuild")
    made = codebuild.create_project(**call)["project"]
    assert codebuild.batch_get_projects(names=[made["name"]])["projects"][0]["source"][
        "buildspec"
    ] == buildspec(JOB, SOURCE)

    target = schedule(JOB)["Target"] | {"Arn": made["arn"], "RoleArn": role}
    scheduler = account.client("scheduler")
    scheduler.create_schedule(**(schedule(JOB) | {"Target": target}))
    seen = scheduler.get_schedule(Name=JOB.name)
    assert seen["ScheduleExpression"] == "cron(0 3 ? * MON *)"
    assert seen["Target"]["Arn"] == made["arn"]
    codebuild.start_build(projectName=made["name"])


def test_the_stack_is_made_brought_up_to_date_and_removed(account: Any) -> None:
    cloudformation, report = account.client("cloudformation"), Reporter(quiet=True)
    # Not the template itself: moto makes no CodeBuild project from one, and says so.
    first, second = (
        {"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": name}}}}
        for name in ("one", "two")
    )
    schedule_cloudformation.deploy(cloudformation, JOB.name, yaml.safe_dump(first), report)
    schedule_cloudformation.deploy(cloudformation, JOB.name, yaml.safe_dump(second), report, {"a": "b"})
    (stack,) = cloudformation.describe_stacks(StackName=JOB.name)["Stacks"]
    assert {tag["Key"]: tag["Value"] for tag in stack["Tags"]} == {"a": "b", "hubsmith:schedule": JOB.name}
    assert "two" in str(cloudformation.get_template(StackName=JOB.name)["TemplateBody"])
    assert schedule_cloudformation.remove(cloudformation, JOB.name, report)
    assert not schedule_cloudformation.remove(cloudformation, JOB.name, report)


def _own_path() -> dict[str, str]:
    import os
    import sys

    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


KEY_ID, OUR_KMS = "1234abcd-12ab-34cd-56ef-1234567890ab", "arn:aws:kms:us-east-1:123456789012"


@pytest.mark.parametrize(
    ("key", "resource", "alias"),
    [
        (KEY_ID, "arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/" + KEY_ID, None),
        (f"{OUR_KMS}:key/{KEY_ID}", f"{OUR_KMS}:key/{KEY_ID}", None),
        ("alias/x", "arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/*", "alias/x"),
        (f"{OUR_KMS}:alias/x", f"{OUR_KMS}:key/*", "alias/x"),
    ],
)
def test_a_builds_role_may_use_the_key_however_it_is_named(
    key: str, resource: str, alias: str | None
) -> None:
    chosen = load(
        REPOSITORY / "manifest.yaml", cloud="local", overrides=[f"builder.root_volume.kms_key_id='{key}'"]
    )
    (found,) = [one for one in policy.statements(chosen) if one["Sid"] == "Encrypt"]
    condition = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": alias}} if alias else None
    assert (found["Resource"], found.get("Condition")) == ({"Fn::Sub": resource}, condition)
