"""The policy for `schedule --on aws` is enough to make, change and remove its stack, and only such a one."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from build.aws import session
from build.aws.session import Cloud
from build.aws.wait import wait_until
from build.errors import CloudError
from build.manifest import load
from build.rebuild.schedule import cloudformation as schedule_cloudformation
from build.rebuild.schedule.cloudformation_template import Source, template
from build.rebuild.schedule.job import Job
from build.rebuild.schedule.weekly_time import WeeklyTime
from build.report.reporter import Reporter
from localcloud.ec2.host import Host
from tests.localcloud.cloudformation.conftest import Client
from tests.unit.docs.policies import document

TINY = Path(__file__).parents[2] / "cloud/tiny/manifest.yaml"
SOURCE = Source("https://github.com/ada/hub.git", "main")
QUIET = Reporter(quiet=True)


def a_schedule(image: str, every: str, *, notify: str = "ada@example.org") -> tuple[str, str]:
    """The name of the stack, and its template."""
    manifest = load(TINY, cloud="aws", overrides=[f"image.name={image}"])
    job = Job(image, WeeklyTime.parse(every), ("--cloud", "aws"), "7d")
    return job.name, template(job, manifest, SOURCE, notify)


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "build.rebuild.schedule.cloudformation.wait_until", partial(wait_until, interval_s=0.1)
    )


@pytest.fixture
def cloudformation(host: Host, client: Client) -> Any:
    """A client in a role that has that policy and no other."""
    iam = client("iam")
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": "sts:AssumeRole",
    }
    iam.create_role(
        RoleName="scheduler",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )
    iam.put_role_policy(
        RoleName="scheduler", PolicyName="readme", PolicyDocument=json.dumps(document("schedule"))
    )
    given = client("sts").assume_role(
        RoleArn="arn:aws:iam::123456789012:role/scheduler", RoleSessionName="ada"
    )["Credentials"]
    cloud = Cloud("local", "us-east-1", host.url, given["AccessKeyId"], given["SecretAccessKey"])
    return session.client(cloud, "cloudformation", given["SessionToken"])


def test_it_is_enough(cloudformation: Any, client: Client) -> None:
    name, first = a_schedule("jupyterhub", "Mon 03:00")
    schedule_cloudformation.deploy(cloudformation, name, first, QUIET)
    _, other = a_schedule("jupyterhub", "Tue 04:30", notify="eve@example.org")
    schedule_cloudformation.deploy(cloudformation, name, other, QUIET)
    assert client("scheduler").get_schedule(Name=name)["ScheduleExpression"] == "cron(30 4 ? * TUE *)"
    assert schedule_cloudformation.remove(cloudformation, name, QUIET)
    assert client("codebuild").list_projects()["projects"] == []


@pytest.mark.parametrize(
    "action", ["iam:PutRolePolicy", "logs:PutRetentionPolicy", "sns:Subscribe", "scheduler:CreateSchedule"]
)
def test_without_any_of_it_the_stack_is_not_made(cloudformation: Any, client: Client, action: str) -> None:
    less = json.loads(json.dumps(document("schedule")).replace(f'"{action}"', '"sts:GetCallerIdentity"'))
    client("iam").put_role_policy(RoleName="scheduler", PolicyName="readme", PolicyDocument=json.dumps(less))
    with pytest.raises(CloudError) as caught:
        schedule_cloudformation.deploy(cloudformation, *a_schedule("jupyterhub", "Mon 03:00"), QUIET)
    assert action in str(caught.value.hint)


def test_it_is_for_such_stacks_only(cloudformation: Any) -> None:
    _, text = a_schedule("jupyterhub", "Mon 03:00")
    with pytest.raises(Exception, match="not authorized to perform: cloudformation:"):
        schedule_cloudformation.deploy(cloudformation, "somebody-elses", text, QUIET)
