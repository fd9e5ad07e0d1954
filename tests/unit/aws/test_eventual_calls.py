"""Every call of the code that makes something says so. Every other one that changes something either is made
again while AWS does not know what it names, or is listed here with the reason why AWS does.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator, Mapping

import botocore.session
from botocore import xform_name

from tests.conftest import REPO

SERVICES = ("ec2", "iam")
_MAKES = re.compile(r"(Allocate|Copy|Create|Import|Register|Request|Run)[A-Z]")
_LOOKS = re.compile(r"(Describe|Get|List|Search|Simulate)[A-Z]")
_NOT_A_THING = {"create_tags"}
AGAIN = {"retried", "_retried", "when_allowed"}
"""Functions that make a call again: build.aws.eventual, and what is built on it."""

LISTED = "a list has shown it"
LONG_AGO = "it was made minutes ago, and has been waited for"
SETTLED = "its cleanup gives lists time first"
GONE = "it is to go: an absent one is none"
KNOWN: Mapping[tuple[str, str], str] = {
    (
        "build/aws/security_groups.py",
        "delete_security_group",
    ): "its callers have it from a list",
    ("build/bake/instances.py", "terminate_instances"): SETTLED,
    ("build/bake/launch_permissions.py", "modify_image_attribute"): LONG_AGO,
    ("build/bake/launch_permissions.py", "modify_snapshot_attribute"): LONG_AGO,
    ("build/bake/steps/builder.py", "terminate_instances"): LONG_AGO,
    ("build/bake/steps/candidate.py", "reboot_instances"): LONG_AGO,
    ("build/bake/steps/image.py", "delete_snapshot"): SETTLED,
    ("build/bake/steps/image.py", "deregister_image"): SETTLED,
    ("build/bake/steps/image.py", "stop_instances"): LONG_AGO,
    ("build/bake/steps/inspect_disk.py", "delete_volume"): SETTLED,
    ("build/bake/steps/publish.py", "create_tags"): LONG_AGO,
    ("build/bake/steps/publish.py", "delete_tags"): LONG_AGO,
    ("build/hubs/retired.py", "create_tags"): LISTED,
    ("build/hubs/retired.py", "delete_tags"): LISTED,
    ("build/images/sweep.py", "delete_security_group"): LISTED,
    ("build/images/sweep.py", "delete_snapshot"): LISTED,
    ("build/images/sweep.py", "delete_volume"): LISTED,
    ("build/images/sweep.py", "deregister_image"): LISTED,
    ("build/images/sweep.py", "terminate_instances"): LISTED,
    ("build/launch/address.py", "create_tags"): "the manifest names it",
    ("build/launch/address.py", "release_address"): LISTED,
    ("build/launch/destroy.py", "delete_snapshot"): LISTED,
    ("build/launch/destroy.py", "delete_tags"): LISTED,
    ("build/launch/destroy.py", "delete_volume"): LISTED,
    ("build/launch/destroy.py", "disassociate_address"): LISTED,
    ("build/launch/destroy.py", "release_address"): LISTED,
    ("build/launch/destroy.py", "stop_instances"): LISTED,
    ("build/launch/destroy.py", "terminate_instances"): LISTED,
    ("build/launch/dns.py", "delete_tags"): LONG_AGO,
    ("build/launch/instance.py", "start_instances"): LISTED,
    ("build/launch/replacement.py", "associate_address"): LONG_AGO,
    ("build/launch/replacement.py", "delete_snapshot"): LISTED,
    ("build/launch/replacement.py", "delete_tags"): LONG_AGO,
    ("build/launch/replacement.py", "stop_instances"): LISTED,
    ("build/launch/replacement.py", "terminate_instances"): LONG_AGO,
    ("build/launch/role.py", "delete_instance_profile"): GONE,
    ("build/launch/role.py", "delete_role"): GONE,
    ("build/launch/role.py", "delete_role_policy"): GONE,
    ("build/launch/role.py", "put_role_permissions_boundary"): "GetRole has shown it",
    ("build/launch/role.py", "remove_role_from_instance_profile"): GONE,
    ("build/launch/security_group.py", "revoke_security_group_ingress"): LISTED,
    ("build/launch/volume.py", "detach_volume"): LISTED,
    ("build/upgrade/hand_over.py", "associate_address"): LONG_AGO,
    ("build/upgrade/keep_old.py", "delete_tags"): LONG_AGO,
    ("build/upgrade/keep_old.py", "terminate_instances"): LISTED,
    ("build/launch/volume.py", "modify_volume"): LISTED,
    ("build/hubs/temporary_ingress.py", "revoke_security_group_ingress"): GONE,
    (
        "build/hubs/temporary_ingress.py",
        "update_security_group_rule_descriptions_ingress",
    ): "EC2 has just said that it has the rule",
}


@functools.cache
def operations() -> dict[str, str]:
    """EC2's and IAM's operations by the name of boto3's method."""
    session = botocore.session.get_session()
    return {
        xform_name(operation): operation
        for service in SERVICES
        for operation in session.get_service_model(service).operation_names
    }


def called(node: ast.AST) -> str:
    """The name of the function that is called, or of the method; empty for anything else."""
    function = node.func if isinstance(node, ast.Call) else None
    return getattr(function, "attr", getattr(function, "id", ""))


def calls(tree: ast.AST, around: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(method, the functions and context managers around it) of each call of a client."""
    for node in ast.iter_child_nodes(tree):
        if name := called(node):
            yield name, around
        managers = [called(item.context_expr) for item in node.items] if isinstance(node, ast.With) else []
        yield from calls(node, (*around, *filter(None, [name, *managers])))


@functools.cache
def changing() -> list[tuple[str, str, tuple[str, ...]]]:
    """(file, method, what is around it) of each call that changes something."""
    known = operations()
    return [
        (str(path.relative_to(REPO)), name, around)
        for path in sorted((REPO / "build").rglob("*.py"))
        for name, around in calls(ast.parse(path.read_text(encoding="utf-8")))
        if name in known and not _LOOKS.match(known[name])
    ]


def makes(method: str) -> bool:
    return bool(_MAKES.match(operations()[method])) and method not in _NOT_A_THING


def test_every_call_that_makes_something_says_so() -> None:
    silent = [(file, name) for file, name, around in changing() if makes(name) and "creating" not in around]
    # in functions that are called in the block
    assert sorted(set(silent)) == [
        ("build/bake/steps/inspect_disk.py", "create_volume"),
        ("build/launch/instance.py", "run_instances"),
    ]


def test_every_call_of_something_that_may_be_new_is_made_again() -> None:
    once = {(file, name) for file, name, around in changing() if not makes(name) and not AGAIN & {*around}}
    assert sorted(once - KNOWN.keys()) == []
    assert sorted(KNOWN.keys() - once) == []


def test_calls_that_are_not_seen_would_be_noticed() -> None:
    source = "with eventual.creating():\n    retried(lambda: ec2.run_instances())\nec2.create_volume()\n"
    assert [found for found in calls(ast.parse(source)) if found[0] in operations()] == [
        ("run_instances", ("creating", "retried")),
        ("create_volume", ()),
    ]


def test_what_is_listed_before_a_cleanup_has_been_given_time() -> None:
    steps = {file for (file, _), why in KNOWN.items() if why == SETTLED} | {
        "build/bake/steps/security_group.py"
    }
    without = [file for file in steps if "eventual.settle(" not in (REPO / file).read_text(encoding="utf-8")]
    assert (len(steps), without) == (4, [])
