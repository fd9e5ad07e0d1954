"""The policies in docs/reference/iam/ hold what the code asks AWS for, and nothing else."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from build.manifest import load
from build.rebuild.schedule import policy
from localcloud.iam.policy import JudgedCall, decide
from localcloud.iam.wildcards import matches
from tests.conftest import REPO
from tests.unit.docs.policies import BY_CLOUDFORMATION, IAM, actions, document, listed

GUIDE = (REPO / "docs/howto/aws.md").read_text(encoding="utf-8")
SERVICES = ("ec2", "iam", "kms", "route53", "ssm", "sts")
OF_STACKS = ("cloudformation", "codebuild", "events", "iam", "logs", "scheduler", "sns")
BUILDING = ("build/aws", "build/bake", "build/images", "build/rebuild")
LAUNCHING = ("build/launch", "build/hubs", "build/operate", "build/upgrade")
# Asked for by EC2 and IAM themselves, when a call names a role or brings tags along.
IMPLIED = {"iam:PassRole", "iam:TagInstanceProfile", "iam:TagRole"}


def operations(services: tuple[str, ...] = SERVICES) -> dict[str, set[str]]:
    """Actions by the name of boto3's method (or paginator): a few names belong to two services."""
    found: dict[str, set[str]] = {}
    session = botocore.session.get_session()
    for service in services:
        for operation in session.get_service_model(service).operation_names:
            found.setdefault(xform_name(operation), set()).add(f"{service}:{operation}")
    return found


def asked(*folders: str, services: tuple[str, ...] = SERVICES) -> set[frozenset[str]]:
    """Of each call in these folders (or files), which actions it can be."""
    known, found = operations(services), set()
    places = [REPO / folder for folder in folders]
    for path in (path for place in places for path in (place.rglob("*.py") if place.is_dir() else [place])):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(node, "attr", getattr(node, "value", None))
            if isinstance(name, str) and name in known:
                found.add(frozenset(known[name]))
    return found


def test_a_builds_policy_has_every_call_that_is_made() -> None:
    allowed = actions("build", "share", "kms")
    assert [sorted(either) for either in asked(*BUILDING) if not either & allowed] == []


def test_with_a_launchs_policy_every_call_is_allowed() -> None:
    allowed = actions("build", "launch", "kms")
    assert [sorted(either) for either in asked(*LAUNCHING) if not either & allowed] == []


SSM = "arn:aws:ssm:us-east-1:123456789012:parameter/hubsmith"


@pytest.mark.parametrize("name", ["admin-password", "host-keys", "status"])
@pytest.mark.parametrize(
    "action", ["GetParameter", "GetParametersByPath", "PutParameter", "DeleteParameter", "AddTagsToResource"]
)
def test_a_builds_policy_reaches_no_parameter_of_a_hub(name: str, action: str) -> None:
    call = JudgedCall(f"ssm:{action}", (f"{SSM}/hubs/hub.example.org/{name}",))
    assert not decide([document("build")], call).allowed
    patterns = [one for statement in document("build")["Statement"] for one in listed(statement["Resource"])]
    assert not [one for one in patterns if one != "*" and matches(one, call.resources[0])]


def test_a_builds_policy_reaches_the_parameters_of_its_image() -> None:
    name = load(REPO / "manifest.yaml").image.name
    for action, parameter in (("PutParameter", "latest"), ("GetParameter", "rebuild")):
        call = JudgedCall(f"ssm:{action}", (f"{SSM}/{name}/{parameter}",))
        assert decide([document("build")], call).allowed


def boundary(name: str) -> dict[str, tuple[str, ...]]:
    """The condition key of a call for a role with that boundary."""
    return {"iam:permissionsboundary": (f"arn:aws:iam::123456789012:policy/{name}",)}


EC2, LAMBDA = ({"iam:passedtoservice": (f"{service}.amazonaws.com",)} for service in ("ec2", "lambda"))
MAKING = ("CreateRole", "PutRolePolicy", "PutRolePermissionsBoundary")
OTHERS = ("DeleteRolePermissionsBoundary", "AttachRolePolicy", "PassRole")


@pytest.mark.parametrize(
    ("action", "role", "keys", "allowed"),
    [
        *((action, "hubsmith/hub", boundary("hubsmith-hub"), True) for action in MAKING),
        *((action, "hubsmith/hub", boundary("other"), False) for action in MAKING),
        *((action, "hubsmith/hub", {}, False) for action in (*MAKING, *OTHERS)),
        *((action, "admin", {**boundary("hubsmith-hub"), **EC2}, False) for action in (*MAKING, "PassRole")),
        ("PassRole", "hubsmith/hub", EC2, True),
        ("PassRole", "hubsmith/hub", LAMBDA, False),
        ("UpdateAssumeRolePolicy", "hubsmith/hub", boundary("hubsmith-hub"), False),
    ],
)
def test_a_launchs_policy_makes_roles_within_the_boundary_only(
    action: str, role: str, keys: Any, allowed: bool
) -> None:
    call = JudgedCall(f"iam:{action}", (f"arn:aws:iam::123456789012:role/{role}",), keys)
    assert decide([document("build"), document("launch")], call).allowed is allowed


def test_the_boundary_that_is_created_is_the_one_that_is_asked_for_and_can_be_named() -> None:
    line = next(line for line in GUIDE.splitlines() if "--policy-name hubsmith-hub " in line)
    words = shlex.split(line)
    name, file = (words[words.index(option) + 1] for option in ("--policy-name", "--policy-document"))
    assert (
        json.loads((REPO / file.removeprefix("file://")).read_text(encoding="utf-8"))["Version"]
        == "2012-10-17"
    )
    named = re.search(r"launch: \{permissions_boundary: \"(.*?)\"\}", GUIDE)
    assert named
    assert named[1].endswith(f":policy/{name}")
    manifest = load(REPO / "manifest.yaml", overrides=[f"launch.permissions_boundary={named[1]}"])
    assert manifest.launch.permissions_boundary == named[1]
    assert f':policy/{name}"' in json.dumps(document("launch"))


def test_no_policy_has_what_nobody_asks_for() -> None:
    needed = set[str]().union(*asked(*BUILDING, *LAUNCHING), IMPLIED)
    assert sorted(actions("build", "launch", "share") - needed) == []


def test_the_policy_of_who_makes_a_schedule_on_aws_has_every_call_that_its_stack_is_made_of() -> None:
    allowed = actions("schedule")
    calls = asked(
        "build/rebuild/schedule/cloudformation.py",
        "localcloud/cloudformation/resource_types",
        services=OF_STACKS,
    )
    assert [sorted(either) for either in calls if not either & allowed] == []
    assert sorted(allowed - set[str]().union(*calls, BY_CLOUDFORMATION)) == []
    assert allowed >= BY_CLOUDFORMATION


def test_the_policy_of_a_key_of_ones_own_has_what_a_scheduled_build_may_do_with_it() -> None:
    key = document("kms")["Statement"][0]["Resource"]
    calls = [JudgedCall(f"kms:{action}", (key,)) for action in policy.KMS]
    assert [call for call in calls if not decide([document("kms")], call).allowed] == []
    needed = [f"kms:{action}" for action in policy.KMS]
    assert [action for action in actions("kms") if not any(matches(action, one) for one in needed)] == []


def test_the_guide_names_every_policy() -> None:
    assert {path.name for path in IAM.glob("*.json")} == set(
        re.findall(r"^\| \[([\w-]+\.json)\]", GUIDE, re.MULTILINE)
    )


@pytest.mark.parametrize("path", sorted(IAM.glob("*.json")), ids=lambda path: path.stem)
def test_in_another_partition_the_policies_name_its_arns(path: Any, tmp_path: Any) -> None:
    """The guide's command changes all of them."""
    command = next(line.split() for line in GUIDE.splitlines() if line.startswith("    sed -i "))
    expression = shlex.split(" ".join(command))[2]
    copy = tmp_path / path.name
    copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    subprocess.run(["sed", "-i", expression, str(copy)], check=True)
    changed = copy.read_text(encoding="utf-8")
    assert "arn:aws:" not in changed
    assert json.loads(changed.replace("arn:aws-cn:", "arn:aws:")) == json.loads(
        path.read_text(encoding="utf-8")
    )


def test_only_the_default_branch_of_one_repository_gets_a_session() -> None:
    (allow,) = document("github-trust")["Statement"]
    assert set(allow["Condition"]) == {"StringEquals"}
    assert set(allow["Condition"]["StringEquals"]) == {
        "token.actions.githubusercontent.com:aud",
        "token.actions.githubusercontent.com:sub",
    }
