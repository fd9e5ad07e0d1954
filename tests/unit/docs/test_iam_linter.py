"""parliament reads all policies: those of the documentation and those that the code makes.

It knows the actions, resources and condition keys of AWS's services. The local cloud judges calls by these
policies, too, but an action or a key that AWS does not have is one that nobody asks for there.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from build.aws.session import Cloud
from build.hubs.hub import Hub
from build.hubs.models import Zone
from build.launch import role
from build.manifest import load
from build.rebuild.schedule.cloudformation_template import Source, document
from build.rebuild.schedule.job import REPOSITORY, Job
from build.rebuild.schedule.weekly_time import WeeklyTime
from localcloud.cloudformation.template import resolved
from tests.unit.docs.policies import IAM

Lint = Callable[[dict[str, Any]], set[tuple[str, str]]]
"""A policy -> the kinds of findings, each with what it is about."""

# Kind of finding and what it is about -> why it is none.
_TAKEN = {
    ("RESOURCE_STAR", ""): "tags narrow most statements, which test_policies.py and tests/cloud/ see to",
    ("RESOURCE_MISMATCH", "ec2:CreateImage"): "what an image is made of is in another statement, by its tags",
    ("RESOURCE_MISMATCH", "ssm:GetParameter"): "AWS's public parameters are of no account",
    ("UNKNOWN_CONDITION_FOR_ACTION", "kms:ResourceAliases"): "KMS has it for every action on a key",
}
VALUES = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "Logs Arn": "arn:aws:logs:eu-west-1:123456789012:log-group:/hubsmith/x:*",
    "Project Arn": "arn:aws:codebuild:eu-west-1:123456789012:project/x",
    "Failures": "arn:aws:sns:eu-west-1:123456789012:x-failures",
}


@pytest.fixture(scope="module")
def lint() -> Lint:
    """parliament 1.6 asks pkg_resources for the path of its own files, which setuptools no longer has.

    It leaves these files open, and has escape sequences that Python 3.12 warns of.
    """
    finder = ModuleType("pkg_resources")
    vars(finder)["resource_filename"] = lambda package, name: str(
        Path(str(sys.modules[package].__file__)).with_name(name)
    )
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setitem(sys.modules, "pkg_resources", finder)
        parliament = pytest.importorskip("parliament", reason="parliament is not installed")

    def findings(policy: dict[str, Any]) -> set[tuple[str, str]]:
        analyzed = parliament.analyze_policy_string(json.dumps(policy), ignore_private_auditors=True)
        found = {(one.issue, str(one.detail)) for one in analyzed.findings}
        return {
            (issue, detail)
            for issue, detail in found
            if not any(issue == kind and about in detail for kind, about in _TAKEN)
        }

    return findings


def documented() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(IAM.glob("*.json")):
        policy = json.loads(path.read_text(encoding="utf-8"))
        # A trust policy has no resources, which parliament asks every policy for.
        if not any("Principal" in statement for statement in policy["Statement"]):
            yield path.stem, policy


def of_hubs() -> Iterator[tuple[str, dict[str, Any]]]:
    clients: Any = SimpleNamespace(cloud=Cloud("aws", "eu-west-1"), account="123456789012")
    for zone in (None, Zone("Z1D633PJN98FT9", "example.org")):
        name = "a hub with a zone" if zone else "a hub without"
        yield name, role.policy(Hub("hub.example.org"), clients, zone)


def of_schedules() -> Iterator[tuple[str, dict[str, Any]]]:
    """Those of the template, with every statement that a manifest can ask for."""
    manifest = load(
        REPOSITORY / "manifest.yaml",
        cloud="aws",
        overrides=[
            "base={ssm_parameter: /aws/service/debian/release/13/latest/amd64}",
            "python.accept_terms=true",
            "publish.regions=[eu-central-1]",
            "publish.launch_permissions.user_ids=['210987654321']",
            "builder.root_volume.kms_key_id=alias/hubs",
        ],
    )
    job = Job("x", WeeklyTime.parse("Mon 03:00"), ())
    source = Source("https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/hub", "main")
    for name, resource in document(job, manifest, source, "ada@example.org")["Resources"].items():
        for policy in (
            *(one["PolicyDocument"] for one in resource["Properties"].get("Policies", ())),
            *filter(None, [resource["Properties"].get("PolicyDocument")]),
        ):
            yield name, resolved(policy, lambda name, attribute: VALUES[f"{name} {attribute}".strip()])


@pytest.mark.parametrize(
    ("policies", "some"),
    [
        (documented, {"build", "hub-boundary", "launch", "schedule"}),
        (of_hubs, {"a hub with a zone", "a hub without"}),
        (of_schedules, {"BuildRole", "ScheduleRole", "FailuresPolicy"}),
    ],
)
def test_the_linter_has_nothing_to_say(
    lint: Lint, policies: Callable[[], Iterable[tuple[str, dict[str, Any]]]], some: set[str]
) -> None:
    found = {name: lint(policy) for name, policy in policies()}
    assert found.keys() >= some
    assert {name: findings for name, findings in found.items() if findings} == {}


@pytest.mark.parametrize(
    ("mistake", "kind"),
    [
        ({"Action": "ec2:RunInstance"}, "UNKNOWN_ACTION"),
        ({"Resource": "arn:aws:ec2:*:*:volume/*"}, "RESOURCE_MISMATCH"),
        ({"Condition": {"StringEquals": {"ec2:NoSuchKey": "x"}}}, "UNKNOWN_CONDITION_FOR_ACTION"),
        ({"Condition": {"NumericEquals": {"ec2:ResourceTag/x": "x"}}}, "MISMATCHED_TYPE"),
    ],
)
def test_it_sees_mistakes(lint: Lint, mistake: dict[str, Any], kind: str) -> None:
    right = {"Effect": "Allow", "Action": "ec2:StartInstances", "Resource": "arn:aws:ec2:*:*:instance/*"}
    assert lint({"Version": "2012-10-17", "Statement": [right]}) == set()
    assert {found for found, _ in lint({"Version": "2012-10-17", "Statement": [right | mistake]})} == {kind}
