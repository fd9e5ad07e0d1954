"""Who else may launch the image: what EC2 or a licence would refuse at the end of a build is told with its
line before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.manifest.test_distributions import ANACONDA, FORGE

if TYPE_CHECKING:
    from tests.unit.manifest.conftest import Project

PUBLIC = "publish.launch_permissions={user_groups: [all]}"
SHARED = "publish.launch_permissions={user_ids: ['210987654321']}"
PLAIN = "builder.root_volume.encrypted=false"
KEY = "builder.root_volume.kms_key_id=arn:aws:kms:us-east-1:123456789012:alias/images"
UNIT = "arn:aws:organizations::123456789012:ou/o-abcdef1234/ou-ab12-cdefghij"


def test_an_image_is_private_unless_somebody_is_named(project: Project) -> None:
    assert project.load().publish.launch_permissions.named == ()
    assert not project.load(SHARED, KEY).publish.launch_permissions.is_public


@pytest.mark.parametrize(
    "overrides",
    [(PUBLIC, PLAIN), (PUBLIC, PLAIN, *FORGE), (SHARED, PLAIN), (SHARED, KEY), (SHARED, PLAIN, *ANACONDA)],
)
def test_what_ec2_shares_is_right(project: Project, overrides: tuple[str, ...]) -> None:
    assert project.load(*overrides, "python.accept_terms=true").publish.launch_permissions.named


def test_all_kinds_are_named(project: Project) -> None:
    project.edit(
        "publish:\n",
        f"publish:\n  launch_permissions: {{organizational_unit_arns: ['{UNIT}'], user_ids: "
        f"['210987654321']}}\n",
    )
    assert project.load(PLAIN).publish.launch_permissions.named == ("210987654321", UNIT)


@pytest.mark.parametrize("accepted", ["true", "false"])
def test_anaconda_is_not_given_to_everybody(project: Project, accepted: str) -> None:
    told = project.problems(PUBLIC, PLAIN, *ANACONDA, f"python.accept_terms={accepted}")
    (line,) = [line for line in told if "launch_permissions" in line]
    assert "publish.launch_permissions.user_groups: would give Anaconda to everybody" in line
    assert "https://www.anaconda.com/pricing/terms-of-service-faqs" in line
    assert "python.distribution: miniforge" in line


def test_the_line_is_told(project: Project) -> None:
    project.edit("publish:\n", "publish:\n  launch_permissions:\n    user_groups: [all]\n")
    (line,) = project.problems()
    number = project.manifest.read_text().splitlines().index("    user_groups: [all]") + 1
    assert line.startswith(
        f"manifest.yaml:{number}:18 publish.launch_permissions.user_groups: EC2 makes no encrypted image "
        "public"
    )
    assert "builder.root_volume.encrypted: false" in line


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ((PUBLIC, KEY), "EC2 makes no encrypted image public"),
        ((SHARED,), "EC2 does not share what AWS's own key has encrypted"),
        ((f"publish.launch_permissions={{organizational_unit_arns: ['{UNIT}']}}",), "AWS's own key"),
        (("publish.launch_permissions={user_groups: [everybody]}", PLAIN), "user_groups"),
        (("publish.launch_permissions={user_ids: [210987654321]}", PLAIN), "put it in quotes"),
        (("publish.launch_permissions={user_ids: ['12']}", PLAIN), "an account of 12 digits"),
        (("publish.launch_permissions={organization_arns: [o-1]}", PLAIN), "the ARN of an organization"),
        (("publish.launch_permissions={accounts: ['210987654321']}", PLAIN), "unknown key"),
    ],
)
def test_what_ec2_would_refuse_is_told(project: Project, overrides: tuple[str, ...], says: str) -> None:
    (told,) = project.problems(*overrides)
    assert says in told
