"""Loading: what a right manifest becomes, and what a user is told about a wrong one."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from build.errors import ManifestError, UserError
from build.manifest import ManifestFile, load

if TYPE_CHECKING:
    from tests.unit.manifest.conftest import Project

SHIPPED = Path(__file__).parents[3] / "manifest.yaml"


@pytest.mark.parametrize(("cloud", "profiles"), [("local", ()), ("aws", ()), ("aws", ("ubuntu",))])
def test_the_shipped_manifest_is_right(cloud: str, profiles: tuple[str, ...]) -> None:
    manifest = load(SHIPPED, cloud=cloud, profiles=profiles, overrides=["python.accept_terms=true"])
    assert manifest.cloud == cloud
    assert [use.name for use in manifest.provisioners] == [
        *("base", "python", "network", "jupyterhub", "certificates", "service", "logging", "boot")
    ]
    assert manifest.tests_folder.is_dir()
    assert manifest.ssm_parameter == "/hubsmith/jupyterhub/latest"


def test_the_shipped_manifest_builds_debian_locally_from_loopback() -> None:
    manifest = load(SHIPPED)
    assert (manifest.cloud, manifest.base.owner, manifest.base.name) == (
        "local",
        "136693071363",
        "debian-13-amd64-*",
    )
    assert manifest.builder.caller_cidr == ("127.0.0.1/32",)
    assert manifest.builder.root_volume.encrypted


def test_sections_have_their_values_and_defaults(project: Project) -> None:
    manifest = project.load()
    assert manifest.folder == project.folder
    assert manifest.path.is_absolute()
    assert manifest.builder.instance_types == ("t3.large", "t3a.large")
    assert manifest.builder.lifetime_minutes == 180
    assert dict(manifest.image.tags) == {"team": "data"}
    assert manifest.retention.keep == 3
    assert manifest.base.login_user == "admin"


def test_nothing_in_a_manifest_can_be_changed(project: Project) -> None:
    manifest = project.load()
    with pytest.raises(dataclasses.FrozenInstanceError):
        manifest.region = "eu-central-1"  # type: ignore[misc]  # that is the point
    with pytest.raises(ValidationError):
        manifest.builder.address = "private"
    with pytest.raises(TypeError):
        manifest.image.tags["a"] = "b"  # type: ignore[index]  # that is the point
    with pytest.raises(TypeError):
        manifest.provisioners[1].values["greeting"] = "x"  # type: ignore[index]  # that is the point


def test_all_mistakes_come_at_once_in_the_order_of_the_file(project: Project) -> None:
    project.edit("  address: public", "  adress: public\n  disk: 3")
    project.edit("size_gib: 16", "size_gib: big")
    project.edit("cloud: local", "cloud: locl")
    project.edit("  - base", "  - bse")
    assert project.problems() == [
        "manifest.yaml:4:8 cloud: should be 'local' or 'aws', is 'locl'; did you mean 'local'?",
        "manifest.yaml:11:15 builder.root_volume.size_gib: should be a whole number, is 'big'",
        "manifest.yaml:13:3 builder.adress: unknown key; did you mean 'address'?",
        "manifest.yaml:14:3 builder.disk: unknown key; there is instance_types, root_volume, vpc_id, "
        "subnet_id, subnet_ids, address, caller_cidr, "
        "caller_ip_url, lifetime_minutes, tags, timeouts, mirrors",
        "manifest.yaml:21:5 provisioners.0: there is no provisioner 'bse'; did you mean 'base'?",
        "manifest.yaml:22:11 provisioners.1: hub needs base, which has to come before it",
    ]


def test_the_error_counts_its_problems_and_is_the_users(project: Project) -> None:
    project.edit("address: public", "address: both")
    with pytest.raises(ManifestError) as caught:
        project.load()
    assert (caught.value.exit_code, caught.value.hint) == (2, "1 problem found")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "size_gib: 16",
            'size_gib: "16"',
            "11:15 builder.root_volume.size_gib: should be a whole number, is '16'",
        ),
        (
            "size_gib: 16",
            "size_gib: 1.5",
            "11:15 builder.root_volume.size_gib: should be a whole number, is 1.5",
        ),
        ("size_gib: 16", "size_gib: 0", "11:15 builder.root_volume.size_gib: should be at least 1, is 0"),
        (
            "size_gib: 16",
            "size_gib: 99999",
            "11:15 builder.root_volume.size_gib: should be at most 65536, is 99999",
        ),
        (
            "type: gp3",
            "type: gp9",
            "12:11 builder.root_volume.type: should be 'gp3', 'gp2', 'io1' or 'io2', is 'gp9'; did you "
            "mean 'gp3'?",
        ),
        (
            "type: gp3",
            "type: gp3\n    encrypted: 1",
            "13:16 builder.root_volume.encrypted: should be true or false, is 1",
        ),
        (
            "type: gp3",
            "type: gp3\n    iops: 200",
            "13:11 builder.root_volume.iops: should be from 3000 to 8000 when type is gp3",
        ),
        ("type: gp3", "type: io2", "10:3 builder.root_volume: needs iops when type is io2"),
        (
            "type: gp3",
            "type: gp2\n    throughput: 300",
            "13:17 builder.root_volume.throughput: cannot be set when type is gp2",
        ),
        (
            "type: gp3",
            "type: gp2\n    iops: 3000",
            "13:11 builder.root_volume.iops: cannot be set when type is gp2",
        ),
        (
            'owner: "136693071363"',
            "owner: 136693071363",
            "6:10 base.owner: should be text, is 136693071363: put it in quotes",
        ),
        (
            'owner: "136693071363"',
            'owner: "1366"',
            "6:10 base.owner: should be an account of 12 digits, amazon or self, is '1366'",
        ),
        (
            'owner: "136693071363"',
            "login_user: admin",
            "5:1 base: should have both owner and name: a name alone can match",
        ),
        (
            'owner: "136693071363"',
            "id: ami-12345678",
            "5:1 base: should have exactly one of owner and name, ssm_parameter, id; it has owner and "
            "name, id",
        ),
        (
            "[t3.large, t3a.large]",
            "[t3.large, t3]",
            "9:30 builder.instance_types.1: should be an EC2 instance type such as t3.large, is",
        ),
        ("[t3.large, t3a.large]", "[]", "9:19 builder.instance_types: should have at least 1 entry"),
        ("[t3.large, t3a.large]", "t3.large", "9:19 builder.instance_types: should be a list, is 't3.large'"),
        ("[t3.large, t3a.large]", "[a.b, a.b]", "9:19 builder.instance_types: has a.b more than once"),
        (
            "address: public",
            "caller_cidr: 10.0.0.1/8",
            "13:16 builder.caller_cidr: should be the network itself, 10.0.0.0/8, is",
        ),
        (
            "address: public",
            "caller_cidr: 10.0.0.1",
            "13:16 builder.caller_cidr: should have a prefix length: 10.0.0.1/32, is '10.0.0.1'",
        ),
        (
            "address: public",
            "caller_cidr: 0.0.0.0/0",
            "13:16 builder.caller_cidr: would open ssh to everyone",
        ),
        (
            "address: public",
            "caller_cidr: me",
            "13:16 builder.caller_cidr: should be a network such as 203.0.113.7/32, is 'me'",
        ),
        (
            "address: public",
            "caller_cidr: [10.0.0.0/8, me]",
            "13:16 builder.caller_cidr: has me, which should be a network such as 203.0.113.7/32",
        ),
        (
            "address: public",
            "caller_cidr: [10.0.0.0/8, 10.0.0.0/8]",
            "13:16 builder.caller_cidr: has 10.0.0.0/8 more than once",
        ),
        (
            "address: public",
            "caller_cidr: []",
            "13:16 builder.caller_cidr: should have at least 1 entry",
        ),
        (
            "address: public",
            "vpc_id: vpc-1",
            "13:11 builder.vpc_id: should be a VPC id such as vpc-0123456789abcdef0, is 'vpc-1'",
        ),
        (
            "address: public",
            "vpc_id: vpc-0123456789abcdef0",
            "13:11 builder.vpc_id: needs builder.subnet_ids beside it",
        ),
        (
            "address: public",
            "address: public\nlaunch: {allowed_cidrs: ["
            + ", ".join(f"10.{n}.0.0/16" for n in range(30))
            + "]}",
            "14:25 launch.allowed_cidrs: has 30 IPv4 networks: a security group has room for 29",
        ),
        ("name: jupyterhub", "name: hub*", "2:9 image.name: should be 1 to 107 letters"),
        ("name: jupyterhub", "nam: jupyterhub", "1:1 image.name: is missing"),
        ("name: jupyterhub", "name:", "2:3 image.name: is missing"),
        (
            "{team: data}",
            "{aws:team: data}",
            "3:3 image.tags: has the tag aws:team: the prefixes aws: and hubsmith: are reserved",
        ),
        ("{team: data}", "{team: 7}", "3:16 image.tags.team: should be text, is 7: put it in quotes"),
        (
            "{team: data}",
            "{" + ", ".join(f"t{n}: x" for n in range(31)) + "}",
            "3:3 image.tags: has 31 tags with those of publish",
        ),
        ("[ada]", "[Ada]", "15:17 hub.admin_users.0: should be a Unix user name"),
        ("[ada]", "[root]", "15:17 hub.admin_users.0: root is an account of the base image"),
        (
            "cpu_limit: 2.0",
            "cpu_limit: no",
            "16:14 hub.cpu_limit: should be a number of processors such as 2.0, or a share",
        ),
        (
            "cpu_limit: 2.0",
            "version: 6.1.0",
            "16:12 hub.version: has known security holes: take 6.1.1 or newer",
        ),
        ("cpu_limit: 2.0", "version: 5.5.3", "16:12 hub.version: has known security holes"),
        ("cpu_limit: 2.0", "version: 6.1", "16:12 hub.version: should be text, is 6.1: put it in quotes"),
        ("cpu_limit: 2.0", "mem_limit: 8", "16:14 hub.mem_limit: should be text, is 8: put it in quotes"),
        ("cpu_limit: 2.0", "environment: {1a: b}", "16:17 hub.environment.1a: should be a variable name"),
        (
            "cpu_limit: 2.0",
            "network: {addresses: 100.64.0.1/10}",
            "16:24 hub.network.addresses: should be the network itself, 100.64.0.0/10",
        ),
        (
            "cpu_limit: 2.0",
            "network: {addresses: 10.1.0.0/17}",
            "16:24 hub.network.addresses: should be a /16 or wider",
        ),
        (
            "cpu_limit: 2.0",
            "network: {addresses: 8.0.0.0/8}",
            "16:24 hub.network.addresses: should be part of a private network",
        ),
        (
            "cpu_limit: 2.0",
            "network: {addresses: 'fd00::/8'}",
            "16:24 hub.network.addresses: should be an IPv4 network",
        ),
        (
            "cpu_limit: 2.0",
            "network: {allowed: [10.0.0.7]}",
            "16:23 hub.network.allowed.0: should have a prefix length: 10.0.0.7/32",
        ),
        (
            "cpu_limit: 2.0",
            "network: {allowed: ['fd00::/8']}",
            "16:23 hub.network.allowed.0: should be an IPv4 network",
        ),
        (
            "cpu_limit: 2.0",
            "network: {connections: 0}",
            "16:26 hub.network.connections: should be at least 100, is 0",
        ),
        (
            "cpu_limit: 2.0",
            "network: {internet: nope}",
            "16:23 hub.network.internet: should be true or false",
        ),
        ("[numpy]", "[-r evil.txt]", "18:14 python.packages.0: should be a package as pip takes it"),
        (
            "{image}/latest",
            "{name}/latest",
            "25:18 publish.ssm_parameter: has {name} in it; only {image} and {channel} can stand there",
        ),
        ("/hubsmith/{image}", "/aws/{image}", "25:18 publish.ssm_parameter: may not begin with /aws or /ssm"),
        (
            "/hubsmith/{image}",
            "hubsmith/{image}",
            "25:18 publish.ssm_parameter: should be a parameter name such as",
        ),
        (
            "name: jupyterhub",
            "name: hubs",
            "2:9 image.name: is taken: parameters of hubs are below /hubsmith/hubs",
        ),
        (
            "/hubsmith/{image}",
            "/hubsmith/hubs",
            "25:18 publish.ssm_parameter: becomes /hubsmith/hubs/latest and is among the parameters",
        ),
        ("  - base\n", "  - {nme: base}\n", "20:5 provisioners.0.name: is missing"),
        ("  - base\n", "  - 7\n", "20:5 provisioners.0: should be a mapping (key: value), is 7"),
        ("  - base\n", "  - base\n  - base\n", "21:5 provisioners.1: base is listed twice"),
        (
            "publish:\n",
            "tests: {folder: /etc}\npublish:\n",
            "24:17 tests.folder: should be a folder inside the one of the manifest",
        ),
        (
            "publish:\n",
            "tests: {folder: tst}\npublish:\n",
            "24:17 tests.folder: there is no folder tst beside the manifest",
        ),
    ],
)
def test_a_mistake_is_told_in_plain_words_at_its_place(
    project: Project, old: str, new: str, told: str
) -> None:
    project.edit(old, new)
    assert any(line.startswith(f"manifest.yaml:{told}") for line in project.problems()), project.problems()


@pytest.mark.parametrize(
    "addresses", ["100.64.0.0/10", "100.64.0.0/16", "10.128.0.0/9", "172.16.0.0/12", "192.168.0.0/16"]
)
def test_private_networks_that_are_wide_enough_are_taken(project: Project, addresses: str) -> None:
    assert project.load(f"hub.network.addresses={addresses}").hub.network.addresses == addresses


@pytest.mark.parametrize("version", ["6.1.1", "6.2.0", "7.0.0", "5.5.4", "5.6.0"])
def test_hub_versions_without_known_holes_are_taken(project: Project, version: str) -> None:
    assert project.load(f"hub.version='{version}'").hub.version == version


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("image: [", "manifest.yaml:1:8 file: opens a bracket that is not closed"),
        ("image:\n\tname: x\n", "manifest.yaml:2:1 file: a tab is not a space: indent with spaces"),
        ("a: 1\n---\nb: 2\n", "manifest.yaml:2:1 file: should be one document"),
        ("image: {name: \x07}\n", "manifest.yaml:1:15 file: has the control character U+0007"),
        ("- a\n", "manifest.yaml:1:1 file: should be a mapping"),
        ("", "manifest.yaml:1:1 image: is missing"),
        ("image: !python/object:os.system {}\n", "manifest.yaml:1:8 image: has the tag"),
        ("image: !secret x\n", "manifest.yaml:1:8 image: cannot be read"),
        ("image: {name: 2026-99-99}\n", "manifest.yaml:1:15 image.name: cannot be read"),
        ("image: &a {name: *a}\n", "manifest.yaml:1:8 image.name: contains itself"),
        ("image: {name: a, name: b}\n", "manifest.yaml:1:18 image.name: is set twice (first in line 1)"),
        ("image: {[a]: b}\n", "manifest.yaml:1:9 image: a key has to be a word"),
        ("image: {<<: 3}\n", "manifest.yaml:1:8 image: cannot be merged"),
    ],
)
def test_yaml_that_cannot_be_read_is_told_with_its_place(project: Project, text: str, told: str) -> None:
    project.write(text)
    found = project.problems()
    assert [line.startswith(told) for line in found if " is missing" not in line or told in line] == [True], (
        found
    )


def test_a_duplicate_does_not_hide_other_mistakes_nor_is_told_twice(project: Project) -> None:
    project.edit("  address: public", "  address: public\n  address: 3\n  disk: 1")
    assert [line.split(": ")[0] for line in project.problems()] == [
        "manifest.yaml:14:3 builder.address",
        "manifest.yaml:15:3 builder.disk",
    ]


def test_text_that_is_not_utf8_is_told_with_its_place(project: Project) -> None:
    project.manifest.write_bytes(b"image:\n  name: caf\xe9\n")
    assert project.problems() == ["manifest.yaml:2:12 file: is not UTF-8 text"]


def test_anchors_and_merge_keys_work_and_point_to_where_the_value_stands(project: Project) -> None:
    project.edit("    size_gib: 16\n    type: gp3", "    &volume\n    size_gib: 16\n    type: gp3")
    project.edit("root_volume: {size_gib: 100}", "root_volume:\n        <<: *volume\n        iops: 4000")
    assert project.load(profiles=["big"]).builder.root_volume.iops == 4000
    project.edit("size_gib: 16", "size_gib: x")
    assert (
        project.problems()[0]
        == "manifest.yaml:12:15 builder.root_volume.size_gib: should be a whole number, is 'x'"
    )


def test_a_section_left_empty_has_its_defaults(project: Project) -> None:
    project.edit("hub:\n  admin_users: [ada]\n  cpu_limit: 2.0\n", "hub:\n")
    project.edit("{team: data}", "")
    manifest = project.load()
    assert (manifest.hub.admin_users, dict(manifest.image.tags)) == ((), {})


def test_null_is_a_setting_where_it_means_something(project: Project) -> None:
    project.edit("/hubsmith/{image}/latest", "null")
    assert project.load().ssm_parameter is None


def test_a_missing_file_is_told_with_a_hint(project: Project) -> None:
    with pytest.raises(UserError, match=r"^there is no other\.yaml$") as caught:
        load(Path("other.yaml"))
    assert caught.value.hint is not None
    assert not isinstance(caught.value, ManifestError)
    assert project.folder == Path.cwd()


def test_a_manifest_elsewhere_is_named_by_its_whole_path(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    project.edit("cloud: local", "cloud: 3")
    with pytest.raises(ManifestError) as caught:
        load(project.manifest)
    assert str(caught.value).startswith(f"{project.manifest}:4:8 cloud: should be 'local' or 'aws', is 3")


def test_editors_get_a_json_schema_with_every_key_described() -> None:
    schema = ManifestFile.model_json_schema()
    sections = [schema, *schema["$defs"].values()]
    undescribed = [
        f"{section['title']}.{key}"
        for section in sections
        for key, value in section["properties"].items()
        if "description" not in value
    ]
    assert undescribed == []


def test_a_builder_at_a_private_address_has_to_know_who_calls(project: Project) -> None:
    project.edit("address: public", "address: private")
    assert project.problems(cloud="aws") == [
        "manifest.yaml:13:12 builder.address: is private, which needs builder.caller_cidr: the network that "
        "the build connects from"
    ]
    project.load(cloud="local")  # whose profile says it
