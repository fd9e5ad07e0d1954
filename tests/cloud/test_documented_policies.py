"""The policies of docs/reference/iam/: with them and nothing else, every task works from build to destroy.

Each task runs in a role that has the policies which docs/howto/aws.md gives it. At the end each action and
resource of each policy has been needed, or is named here with the reason why that cannot be shown here.
"""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cloud.hubs import Site, everything, host_key
from tests.cloud.invoke_runner import REPO, TINY
from tests.cloud.privileges import unused
from tests.cloud.role_runner import ACCOUNT, Account, RoleRunner
from tests.cloud.unneeded_rights import ELSEWHERE, NOT_HERE, POLICIES
from tests.unit.docs.policies import IAM, document

pytestmark = [pytest.mark.vm, pytest.mark.turn]

IMAGE = ["--manifest", str(TINY), "--cloud", "aws", "--set", "image.name=jupyterhub"]
IMAGE += ["--set", "publish.ssm_parameter=/hubsmith/{image}/latest"]
OF_AWS = "/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2"
LAYERED = ["--profile", "layered", "--set", "builder.root_volume.encrypted=false"]
DOMAIN = "hub.example.test"
NAMES = ["--domain", DOMAIN]


@pytest.fixture(scope="module")
def builder(account: Account) -> Iterator[RoleRunner]:
    with account.role("builder", "build") as runner:
        yield runner


@pytest.fixture(scope="module")
def launcher(account: Account) -> Iterator[RoleRunner]:
    with account.role("launcher", "build", "launch") as runner:
        yield runner


@pytest.fixture(scope="module")
def image(account: Account, builder: RoleRunner) -> str:
    """Built with layers, and with tags of the account's own on everything."""
    return account.allowed(builder, "build-ami", *IMAGE, *LAYERED, "--set", "builder.tags={Owner: ada}").last


def test_what_comes_after_a_build(account: Account, builder: RoleRunner, image: str) -> None:
    rows = json.loads(account.allowed(builder, "images", *IMAGE, "--json").out)
    assert [(row["id"], row["channel"]) for row in rows] == [(image, "stable")]
    again = account.allowed(builder, "rebuild", *IMAGE, *LAYERED)
    assert f"nothing changed: {image} is up to date" in again.err
    account.allowed(builder, "verify", *IMAGE, "--ami", image)


def test_a_build_whose_credentials_end_says_so_and_sweep_removes_what_it_left(
    account: Account,
) -> None:
    with account.role("expiring", "build") as runner:
        before = account.owner.listing()
        running = runner.start("build-ami", *IMAGE)
        running.wait_for("» provision")
        ended = account.owner.invoke("cloud.faults", "--expire-credentials", "expiring")
        assert f"expired: arn:aws:sts::{ACCOUNT}:assumed-role/expiring/tests" in ended.err
        assert running.process.wait(timeout=300) == 1
        running.end(signal.SIGKILL)
        said = "\n".join(running.lines)
        assert "(RequestExpired)" in said
        assert "log in again, then run the same command" in said
        assert "warning: run `invoke sweep` to remove what is left" in said
        assert "Traceback" not in said
        told = runner.invoke("sweep", *IMAGE)
        assert (told.status, "(ExpiredToken)" in told.err) == (1, True), told.err
        swept = account.allowed(account.renewed(runner), "sweep", *IMAGE)
        assert "leftover(s) removed" in swept.err
        assert account.owner.listing() == before


def launching(boundary: str, *more: str, domain: str = DOMAIN) -> list[str]:
    """The arguments of a launch that waits for nothing."""
    sizes = [] if "--instance-type" in more else ["--instance-type", "t3.nano"]
    settings = ["--set", f"launch.permissions_boundary={boundary}", "--set", "launch.data_volume.size_gib=1"]
    names = ["--domain", domain, "--admin", "alice", "--email", "ops@university.edu"]
    return ["launch", *IMAGE, *settings, *names, *sizes, "--no-wait", *more]


def test_a_hub_from_its_launch_to_its_end(
    account: Account, launcher: RoleRunner, image: str, boundary: str
) -> None:
    site = Site(account.owner, DOMAIN)
    account.allowed(launcher, *launching(boundary))
    look_after(account, launcher, site)
    put_right(account, launcher, site, boundary)
    account.allowed(launcher, *launching(boundary, "--replace", "--instance-type", "t3.micro"))
    assert [one["InstanceType"] for one in site.instances()] == ["t3.micro"]
    account.allowed(launcher, "destroy", *IMAGE, *NAMES, "--yes")
    account.allowed(launcher, "destroy", *IMAGE, *NAMES, "--yes", "--with-data")
    assert account.allowed(launcher, "destroy", *IMAGE, *NAMES, "--yes").err.count("no resources of") == 1


def look_after(account: Account, launcher: RoleRunner, site: Site) -> None:
    """The commands for a hub that runs. A tiny machine is no hub: what matters is that they may ask."""
    account.allowed(launcher, "hubs", *IMAGE)
    account.allowed(launcher, "status", *IMAGE, *NAMES, "--no-spawn", status=1)
    site.say("host-keys", host_key(site))
    account.allowed(launcher, "ssh", *IMAGE, *NAMES, "--command", "true")
    left = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "127.0.0.1/32"}
    group_id = site.group()["GroupId"]
    site.runner.client("ec2").authorize_security_group_ingress(GroupId=group_id, **left)
    account.allowed(launcher, "ssh", *IMAGE, *NAMES, "--command", "true")
    assert site.ports() == [80, 443]
    account.allowed(launcher, "upgrade", *IMAGE, *NAMES, "--dry-run")
    for command in ("logs", "users"):
        account.run(launcher, command, *IMAGE, *NAMES)


def put_right(account: Account, launcher: RoleRunner, site: Site, boundary: str) -> None:
    """What somebody has changed, and a larger volume."""
    (instance,) = site.instances()
    ec2, name = site.runner.client("ec2"), f"hubsmith-{DOMAIN}"
    site.runner.client("iam").delete_role_permissions_boundary(RoleName=name)
    account.allowed(launcher, *launching(boundary, "--data-size", "2"))
    ec2.stop_instances(InstanceIds=[instance["InstanceId"]])
    ec2.get_waiter("instance_stopped").wait(InstanceIds=[instance["InstanceId"]], WaiterConfig={"Delay": 1})
    account.allowed(launcher, *launching(boundary))
    assert [one["State"]["Name"] for one in site.instances()] == ["running"]


def test_a_hub_without_the_boundary_is_refused(account: Account, launcher: RoleRunner, image: str) -> None:
    before = everything(account.owner)
    done = launcher.invoke(*launching("null", domain="third.example.test"))
    assert done.status == 1
    role = f"arn:aws:iam::{ACCOUNT}:role/hubsmith/hubsmith-third.example.test"
    assert f"is not authorized to perform: iam:CreateRole on resource: {role}" in " ".join(done.err.split())
    assert "docs/howto/aws.md lists the IAM policies that are needed" in done.err
    assert everything(account.owner) == before


def test_a_data_volume_with_a_key_of_ones_own(account: Account, image: str, boundary: str) -> None:
    key = account.owner.client("kms").create_key()["KeyMetadata"]["Arn"]
    placeholder = document("kms")["Statement"][0]["Resource"]
    names = ["--domain", "other.example.test"]
    with account.role("encrypter", "build", "launch", "kms", **{placeholder: key}) as runner:
        more = ("--set", f"launch.data_volume.kms_key_id={key}")
        account.allowed(runner, *launching(boundary, *more, domain="other.example.test"))
        account.allowed(runner, "destroy", *IMAGE, *names, "--yes", "--with-data")


def test_an_image_for_others(account: Account, image: str) -> None:
    """It starts from a layer of the other build, which is not encrypted, and is copied to another region."""
    shared = ["--set", "publish.regions=[us-west-2]"]
    shared += ["--set", "publish.launch_permissions={user_groups: [all], user_ids: ['210987654321']}"]
    changed = ["--set", "provisioners=[greeting, {name: farewell, variables: {words: bye}}]"]
    with account.role("sharer", "build", "share") as runner:
        done = account.allowed(runner, "build-ami", *IMAGE, *LAYERED, *changed, *shared)
        assert "shared with everybody, 210987654321" in done.err
        assert "layer" in done.err


def test_an_image_for_others_that_would_be_encrypted_is_refused(account: Account) -> None:
    ec2 = account.owner.client("ec2")
    ec2.enable_ebs_encryption_by_default()
    with account.role("sharer", "build", "share") as runner:
        shared = ["--set", "publish.launch_permissions={user_ids: ['210987654321']}"]
        refused = account.allowed(runner, "build-ami", *IMAGE, *LAYERED, *shared, status=2)
        assert "EC2 does not share what that has encrypted" in refused.err
    ec2.disable_ebs_encryption_by_default()


def test_a_base_image_that_a_parameter_of_aws_names(account: Account, builder: RoleRunner) -> None:
    """The image itself is not here."""
    base = f"base={{ssm_parameter: {OF_AWS}, login_user: root}}"
    refused = account.allowed(builder, "build-ami", *IMAGE, "--set", base, status=2)
    assert "ami-" in refused.err


def test_old_images_are_pruned(account: Account, builder: RoleRunner, image: str) -> None:
    """After the above, whose image is newer. A launch template may hold an image back."""
    account.owner.client("ec2").create_launch_template(
        LaunchTemplateName="workers", LaunchTemplateData={"ImageId": f"resolve:ssm:{OF_AWS}"}
    )
    done = account.allowed(builder, "prune", *IMAGE, "--set", "retention.keep=1", "--yes")
    assert image in done.err + done.out


def test_a_schedule_on_aws(account: Account, tmp_path: Path) -> None:
    folder = tmp_path / "hubsmith"
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
    asked = ["schedule", "--on", "aws", *IMAGE, "--source", "https://github.com/ada/hub.git"]
    notified, group = (
        ["--notify", "ada@example.org"],
        {"logGroupName": "/hubsmith/hubsmith-rebuild-jupyterhub"},
    )
    logs = account.owner.client("logs")
    with account.role("scheduler", "schedule") as runner:
        there = replace(runner, folder=folder)
        logs.create_log_group(**group)
        account.allowed(there, *asked, "--every", "Mon 03:00", status=1)  # which says what the stack says
        logs.delete_log_group(**group)
        for more in (["--every", "Mon 03:00"], ["--every", "Tue 04:00", "--revision", "other"]):
            account.allowed(there, *asked, *more, *notified)
        account.allowed(there, *asked, "--every", "Tue 04:00")
        account.allowed(there, *asked, "--remove")


def test_nothing_is_allowed_that_no_task_needed(account: Account) -> None:
    """After all of the above."""
    left = {
        (name, part)
        for name in POLICIES
        for _, part in unused(account.policies.get(name, document(name)), account.calls)
    }
    wrong = [f"{name}: {part} was never needed" for name, part in sorted(left - set(NOT_HERE))]
    wrong += [f"{name}: {part} was needed after all" for name, part in sorted(set(NOT_HERE) - left)]
    assert not wrong, "\n".join(wrong)


def test_every_policy_is_tried_here_or_elsewhere() -> None:
    assert {path.stem for path in IAM.glob("*.json")} == {*POLICIES, *ELSEWHERE}
