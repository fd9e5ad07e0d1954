"""Profiles and --set: what they change, in which order, and where their mistakes are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from build.errors import UserError

if TYPE_CHECKING:
    from tests.unit.manifest.conftest import Project


def test_the_profile_named_like_the_cloud_is_applied_by_itself(project: Project) -> None:
    assert project.load().builder.caller_cidr == ("127.0.0.1/32",)
    on_aws = project.load(cloud="aws")
    assert (on_aws.cloud, on_aws.profiles) == ("aws", ("aws",))
    assert (on_aws.builder.caller_cidr, on_aws.builder.instance_types) == (None, ("m7i.large",))


@pytest.mark.parametrize("way", ["file", "set", "profile"])
def test_the_cloud_can_be_chosen_in_the_file_by_set_and_by_a_profile(project: Project, way: str) -> None:
    if way == "file":
        project.edit("cloud: local", "cloud: aws")
        manifest = project.load()
    elif way == "set":
        manifest = project.load("cloud=aws")
    else:
        project.edit("  big:\n", "  big:\n    cloud: aws\n")
        manifest = project.load(profiles=["big"])
    assert (manifest.cloud, manifest.profiles[0]) == ("aws", "aws")


def test_the_cloud_option_wins_over_everything(project: Project) -> None:
    assert project.load("cloud=aws", cloud="local").profiles == ("local",)


def test_later_layers_win_and_mappings_are_merged(project: Project) -> None:
    project.edit(
        "      root_volume: {size_gib: 100}",
        "      root_volume: {size_gib: 100}\n      caller_cidr: 10.0.0.0/8",
    )
    manifest = project.load("builder.root_volume.size_gib=200", profiles=["big"])
    assert manifest.profiles == ("local", "big")
    assert manifest.builder.root_volume.size_gib == 200
    assert manifest.builder.root_volume.type == "gp3"
    assert manifest.builder.caller_cidr == ("10.0.0.0/8",)


def test_a_profile_that_gives_another_kind_of_base_needs_not_undo_the_first(project: Project) -> None:
    project.edit(
        "  big:\n", "  big:\n    base: {ssm_parameter: /aws/service/debian/release/13/latest/amd64}\n"
    )
    base = project.load(profiles=["big"]).base
    assert (base.owner, base.name, base.ssm_parameter) == (
        None,
        None,
        "/aws/service/debian/release/13/latest/amd64",
    )
    base = project.load("base.id=ami-0123456789abcdef0", profiles=["big"]).base
    assert (base.owner, base.ssm_parameter, base.id) == (None, None, "ami-0123456789abcdef0")


def test_an_unknown_profile_is_told_with_a_guess(project: Project) -> None:
    with pytest.raises(
        UserError, match="--profile bigg: the manifest has no such profile; did you mean 'big'"
    ):
        project.load(profiles=["bigg"])


def test_a_mistake_in_a_profile_is_told_where_it_stands_applied_or_not(project: Project) -> None:
    project.edit("root_volume: {size_gib: 100}", "root_volume: {size_gib: many}\n      disk: 1")
    told = [
        "manifest.yaml:35:31 builder.root_volume.size_gib: should be a whole number, is 'many'",
        "manifest.yaml:36:7 builder.disk: unknown key; there is instance_types, root_volume, vpc_id, "
        "subnet_id, subnet_ids, address, caller_cidr, "
        "caller_ip_url, lifetime_minutes, tags, timeouts, mirrors",
    ]
    assert project.problems() == told
    assert project.problems(profiles=["big"]) == told


def test_an_unknown_section_in_a_profile_is_told_applied_or_not(project: Project) -> None:
    project.edit("  big:\n", "  big:\n    bilder: {address: private}\n")
    told = "manifest.yaml:34:5 bilder: unknown key; did you mean 'builder'?"
    assert project.problems() == [told]
    assert project.problems(profiles=["big"]) == [told]


def test_a_mistake_that_a_profile_hides_is_told(project: Project) -> None:
    project.edit("  address: public", "  caller_cidr: me")
    told = "manifest.yaml:13:16 builder.caller_cidr: should be a network such as 203.0.113.7/32, is 'me'"
    assert project.problems() == [told]


def test_layers_may_rely_on_each_other(project: Project) -> None:
    """What is absent here may come from there, and what belongs together may be spread over two."""
    project.edit("name: jupyterhub", "name:")
    project.edit(
        "    builder:\n      caller_cidr", "    image: {name: mine}\n    builder:\n      caller_cidr"
    )
    project.edit("      root_volume: {size_gib: 100}", "      root_volume: {type: io2}")
    assert project.load().image.name == "mine"
    assert project.load("builder.root_volume.iops=4000", profiles=["big"]).builder.root_volume.type == "io2"


def test_a_mistake_outside_the_profiles_is_told_once_however_many_there_are(project: Project) -> None:
    project.edit("address: public", "address: both")
    assert len(project.problems()) == 1


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "  big:\n",
            "  big:\n    profiles: {}\n",
            "34:5 profiles.big.profiles: a profile named big cannot have profiles",
        ),
        (
            "  aws:\n",
            "  aws:\n    cloud: local\n",
            "31:5 profiles.aws.cloud: a profile named aws cannot have cloud",
        ),
        ("  big:\n", "  small: 3\n  big:\n", "33:10 profiles.small: should be a mapping (key: value)"),
    ],
)
def test_profiles_of_the_wrong_form_are_told(project: Project, old: str, new: str, told: str) -> None:
    project.edit(old, new)
    assert project.problems() == [f"manifest.yaml:{told}"]


def test_set_reads_its_value_as_yaml(project: Project) -> None:
    manifest = project.load(
        "builder.instance_types=[c7i.large, c7a.large]",
        "image.tags={a: b}",
        "hub.cpu_limit=",
        "tests.pytest_args=['-k', hub]",
    )
    assert manifest.builder.instance_types == ("c7i.large", "c7a.large")
    assert dict(manifest.image.tags) == {"a": "b"}
    assert manifest.hub.cpu_limit is None
    assert manifest.tests.pytest_args == ("-k", "hub")


def test_set_reaches_into_lists_by_index_and_by_name(project: Project) -> None:
    assert project.load("builder.instance_types.1=c7i.large").builder.instance_types == (
        "t3.large",
        "c7i.large",
    )
    assert project.load("builder.instance_types.2=c7i.large").builder.instance_types == (
        "t3.large",
        "t3a.large",
        "c7i.large",
    )
    assert (
        project.load("provisioners.hub.variables.greeting=ahoy").provisioners[1].values["greeting"] == "ahoy"
    )
    assert project.load("provisioners.1.variables.greeting=ahoy").provisioners[1].values["greeting"] == "ahoy"
    assert project.load("provisioners.base.timeout_minutes=7").provisioners[0].definition.timeout_minutes == 7


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("builder.adress=public", "--set builder.adress: unknown key; did you mean 'address'?"),
        ("builder.address=both", "--set builder.address: should be 'public' or 'private', is 'both'"),
        ("cloud=azure", "--set cloud: should be 'local' or 'aws', is 'azure'"),
        ("builder.address.x=1", "--set builder.address.x: builder.address is a single value and has no x"),
        (
            "builder.instance_types.7=t3.large",
            "--set builder.instance_types.7: there is no 7 in this list; it has t3.large, t3a.large",
        ),
        (
            "provisioners.hbu.variables.a=1",
            "--set provisioners.hbu.variables.a: there is no hbu in this list; it has base, hub",
        ),
        (
            "provisioners.hub.variables.greetin=1",
            "--set provisioners.1.variables.greetin: hub has no variable 'greetin'; did you mean 'greeting'?",
        ),
        (
            "provisioners.hub.variables.workers=many",
            "--set provisioners.1.variables.workers: should be a whole number, is 'many'",
        ),
        (
            "profiles.big.cloud=aws",
            "--set profiles.big.cloud: a profile cannot be changed by --set: set the value itself",
        ),
    ],
)
def test_a_mistake_in_set_names_the_option(project: Project, override: str, told: str) -> None:
    assert project.problems(override) == [told]


def test_an_unknown_cloud_names_the_option(project: Project) -> None:
    assert project.problems(cloud="azure") == ["--cloud: should be 'local' or 'aws', is 'azure'"]


@pytest.mark.parametrize("override", ["builder.address", "=3", "a..b=3", "image.name=[", ".a=1"])
def test_a_set_that_cannot_be_read_is_refused(project: Project, override: str) -> None:
    with pytest.raises(UserError, match=r"^--set "):
        project.load(override)


def test_mistakes_of_options_and_file_come_together(project: Project) -> None:
    project.edit("address: public", "address: both")
    assert project.problems("builder.disk=1")[0].startswith("--set builder.disk: unknown key")
    assert project.problems("builder.disk=1")[1].startswith("manifest.yaml:13:12 builder.address:")
