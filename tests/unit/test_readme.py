"""What README.md says is so: commands and their options, targets, links, and policies that hold what the code asks EC2 for."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from invoke import Collection, Task

from build.manifest import load
from localcloud.iam.patterns import matches
from localcloud.iam.policy import JudgedCall, decide
from tasks import namespace

REPO = Path(__file__).parents[2]
README = (REPO / "README.md").read_text(encoding="utf-8")
SERVICES = ("ec2", "iam", "route53", "ssm", "sts")
OF_STACKS = ("cloudformation", "codebuild", "events", "iam", "logs", "scheduler", "sns")
# Asked for by EC2 and IAM themselves, when a call names a role or brings tags along.
IMPLIED = {"iam:PassRole", "iam:TagInstanceProfile", "iam:TagRole"}
# Asked for by CloudFormation on AWS beside what makes and removes a thing: it reads what it has made, and gives it the stack's tags.
BY_CLOUDFORMATION = {
    "cloudformation:TagResource", "codebuild:BatchGetProjects", "events:DescribeRule", "events:ListTagsForResource", "events:TagResource",
    "events:UntagResource", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:PassRole", "iam:TagRole",
    "iam:UntagRole", "logs:GetDataProtectionPolicy", "logs:ListTagsForResource", "logs:TagResource", "logs:UntagResource",
    "scheduler:GetSchedule", "sns:GetDataProtectionPolicy", "sns:GetTopicAttributes", "sns:ListTagsForResource", "sns:TagResource",
    "sns:UntagResource",
}  # fmt: skip


def documents() -> list[dict[str, Any]]:
    """The policies: of a build, of a launch, and of who makes a schedule on AWS."""
    return [json.loads(text) for text in re.findall(r"^```json\n(.*?)^```", README, re.MULTILINE | re.DOTALL)]


def policies() -> list[set[str]]:
    """The actions of the first two: of a build, and of a launch."""
    return [actions(document) for document in documents()[:2]]


def actions(document: dict[str, Any]) -> set[str]:
    """Of all statements."""
    return {action for statement in document["Statement"] for action in listed(statement["Action"])}


def for_others() -> set[str]:
    """What is needed beside a build's policy, to share images."""
    line = next(line for line in README.splitlines() if line.startswith("Images for others (`publish.launch_permissions`) also need"))
    return set(re.findall(r"`\"([a-z0-9]+:\w+)\"`", line))


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
            name = node.attr if isinstance(node, ast.Attribute) else node.value if isinstance(node, ast.Constant) else None
            if isinstance(name, str) and name in known:
                found.add(frozenset(known[name]))
    return found


def test_a_builds_policy_has_every_call_that_is_made() -> None:
    allowed = policies()[0] | for_others()
    assert [sorted(actions) for actions in asked("build/aws", "build/bake", "build/images", "build/rebuild") if not actions & allowed] == []


def test_with_a_launchs_policy_every_call_is_allowed() -> None:
    allowed = set[str]().union(*policies())
    assert [sorted(actions) for actions in asked("build/launch", "build/hubs", "build/operate") if not actions & allowed] == []


SSM = "arn:aws:ssm:us-east-1:123456789012:parameter/hubsmith"


@pytest.mark.parametrize("name", ["admin-password", "host-keys", "status"])
@pytest.mark.parametrize("action", ["GetParameter", "GetParametersByPath", "PutParameter", "DeleteParameter", "AddTagsToResource"])
def test_a_builds_policy_reaches_no_parameter_of_a_hub(name: str, action: str) -> None:
    call = JudgedCall(f"ssm:{action}", (f"{SSM}/hubs/hub.example.org/{name}",))
    assert not decide([documents()[0]], call).allowed
    patterns = [one for statement in documents()[0]["Statement"] for one in listed(statement["Resource"]) if one != "*"]
    assert not [pattern for pattern in patterns if matches(pattern, call.resources[0])]


def test_a_builds_policy_reaches_the_parameters_of_its_image() -> None:
    name = load(REPO / "manifest.yaml").image.name
    for call in (JudgedCall("ssm:PutParameter", (f"{SSM}/{name}/latest",)), JudgedCall("ssm:GetParameter", (f"{SSM}/{name}/rebuild",))):
        assert decide([documents()[0]], call).allowed


def boundary(name: str) -> dict[str, tuple[str, ...]]:
    """The condition key of a call for a role with that boundary."""
    return {"iam:permissionsboundary": (f"arn:aws:iam::123456789012:policy/{name}",)}


EC2, LAMBDA = ({"iam:passedtoservice": (f"{service}.amazonaws.com",)} for service in ("ec2", "lambda"))
MAKING = ("CreateRole", "PutRolePolicy", "PutRolePermissionsBoundary")


@pytest.mark.parametrize(
    ("action", "role", "keys", "allowed"),
    [
        *((action, "hubsmith/hub", boundary("hubsmith-hub"), True) for action in MAKING),
        *((action, "hubsmith/hub", boundary("other"), False) for action in MAKING),
        *((action, "hubsmith/hub", {}, False) for action in (*MAKING, "DeleteRolePermissionsBoundary", "AttachRolePolicy", "PassRole")),
        *((action, "admin", {**boundary("hubsmith-hub"), **EC2}, False) for action in (*MAKING, "PassRole")),
        ("PassRole", "hubsmith/hub", EC2, True),
        ("PassRole", "hubsmith/hub", LAMBDA, False),
        ("UpdateAssumeRolePolicy", "hubsmith/hub", boundary("hubsmith-hub"), False),
    ],
)
def test_a_launchs_policy_makes_roles_within_the_boundary_only(action: str, role: str, keys: Any, allowed: bool) -> None:
    call = JudgedCall(f"iam:{action}", (f"arn:aws:iam::123456789012:role/{role}",), keys)
    assert decide(documents()[:2], call).allowed is allowed


def test_the_boundary_that_is_created_is_the_one_that_is_asked_for_and_can_be_named() -> None:
    line = next(line for line in README.splitlines() if "aws iam create-policy" in line)
    name, document = (shlex.split(line)[shlex.split(line).index(option) + 1] for option in ("--policy-name", "--policy-document"))
    assert json.loads((REPO / document.removeprefix("file://")).read_text(encoding="utf-8"))["Version"] == "2012-10-17"
    named = re.search(r"launch: \{permissions_boundary: \"(.*?)\"\}", README)
    assert named
    assert named[1].endswith(f":policy/{name}")
    assert load(REPO / "manifest.yaml", overrides=[f"launch.permissions_boundary={named[1]}"]).launch.permissions_boundary == named[1]
    assert f':policy/{name}"' in json.dumps(documents()[1])


def listed(value: str | list[str]) -> list[str]:
    """One or several, as policies have them."""
    return [value] if isinstance(value, str) else value


def test_no_policy_has_what_nobody_asks_for() -> None:
    needed = set[str]().union(
        *asked("build/aws", "build/bake", "build/images", "build/rebuild", "build/launch", "build/hubs", "build/operate"), IMPLIED
    )
    assert sorted((set[str]().union(*policies()) | for_others()) - needed) == []


def test_the_policy_of_who_makes_a_schedule_on_aws_has_every_call_that_its_stack_is_made_of() -> None:
    allowed = actions(documents()[2])
    calls = asked("build/rebuild/schedule/cloudformation.py", "localcloud/cloudformation/kinds", services=OF_STACKS)
    assert [sorted(either) for either in calls if not either & allowed] == []
    assert sorted(allowed - set[str]().union(*calls, BY_CLOUDFORMATION)) == []
    assert allowed >= BY_CLOUDFORMATION


def tasks(collection: Collection, prefix: str = "") -> Iterator[tuple[str, Task[Any]]]:
    for name, task in collection.tasks.items():
        yield prefix + name, task
        yield from ((prefix + alias, task) for alias in task.aliases)
    for name, inner in collection.collections.items():
        yield from tasks(inner, f"{prefix}{name}.")


def commands() -> list[str]:
    """Every `invoke …` of the README, in its text and on lines of their own, without comments."""
    on_lines = re.findall(r"^ {4}(?:eval \"\$\()?invoke ([^#\n]*?)(?:\)\")?(?: {2,}.*)?$", README, re.MULTILINE)
    in_text = re.findall(r"`invoke ([^`]*)`", README)
    return sorted({text.strip() for text in on_lines + in_text if not text.startswith("--list")})


@pytest.mark.parametrize("line", commands())
def test_a_command_is_there_with_its_options(line: str) -> None:
    known = dict(tasks(namespace))
    # `a | b` is "a or b": of commands when the line has no options, of options in brackets otherwise.
    words = shlex.split(re.sub(r"[\[\]|…]", " ", line.replace("'", "")))
    named = [word for word in words if word in known and not word.startswith("-")]
    assert named, f"no command in: invoke {line}"
    assert words[0] in known
    options = {flag for name in named for argument in known[name].get_arguments() for flag in (f"--{name}" for name in argument.names)}
    assert [word for word in words if word.startswith("--") and word.partition("=")[0].replace("_", "-") not in options] == []


def test_every_target_of_make_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPO / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^ {4}|`)make ([a-z-]+)", README, re.MULTILINE))
    assert {"build-ami", "test", "test-fast", "bench", "mutants", "shell"} <= named
    assert named <= targets


def test_every_link_leads_somewhere() -> None:
    headings = {re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in re.findall(r"^#+ (.*)$", README, re.MULTILINE)}
    for target in re.findall(r"\]\((?!http)([^)]+)\)", README):
        path, _, anchor = target.partition("#")
        assert (REPO / path).exists(), target
        assert not anchor or anchor in headings, target
