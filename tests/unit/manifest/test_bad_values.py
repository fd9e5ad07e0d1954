"""Values that were meant otherwise: each is told at its own place, once, and with what is meant if that is
known.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from build.errors import UserError
from build.manifest import load

if TYPE_CHECKING:
    from tests.unit.manifest.conftest import Project


IMAGE = "  name: debian-13-amd64-*"
VOLUME = "  root_volume:\n    size_gib: 16\n    type: gp3"
PROFILE = "  aws:\n    builder:\n"
ARCHITECTURE = "7:17 base.architecture: should be 'x86_64' or 'arm64', is"


@pytest.mark.parametrize(
    ("old", "new", "place", "end"),
    [
        (
            "hub:\n",
            "hub:\n  idle_timeout: null\n",
            "15:3 hub.idle_timeout",
            "did you mean 'idle_timeout_minutes'?",
        ),
        (
            "publish:\n",
            "publish:\n  ssm_paramter:\n",
            "25:3 publish.ssm_paramter",
            "did you mean 'ssm_parameter'?",
        ),
        ("cloud: local\n", "cloud: local\nlaunhc:\n", "5:1 launhc: unknown key", "did you mean 'launch'?"),
        (PROFILE, PROFILE + "      vpc: null\n", "32:7 builder.vpc: unknown key", "did you mean 'vpc_id'?"),
        ("[t3.large, t3a.large]", "[t3large]", "9:20 builder.instance_types.0: should be", "is 't3large'"),
        ("  packages: [numpy]", "  channels: ['x\"y']", "18:14 python.channels.0: should be", "is 'x\"y'"),
        (IMAGE, "  architecture: amd64\n" + IMAGE, ARCHITECTURE, "'amd64'; did you mean 'x86_64'?"),
        (IMAGE, "  architecture: aarch64\n" + IMAGE, ARCHITECTURE, "'aarch64'; did you mean 'arm64'?"),
        (
            VOLUME,
            "  root_volume:\n    size_gib:16",
            "11:5 builder.root_volume",
            "a space is missing after the colon",
        ),
    ],
)
def test_it_is_told_once_and_in_its_place(project: Project, old: str, new: str, place: str, end: str) -> None:
    project.edit(old, new)
    problem, *others = project.problems()
    assert others == []
    assert problem.startswith(f"manifest.yaml:{place}")
    assert problem.endswith(end)


def test_an_empty_key_that_is_known_is_as_good_as_absent(project: Project) -> None:
    project.edit("hub:\n", "hub:\n  tasks_limit:\n  cpu_limit: null\n")
    project.edit("  cpu_limit: 2.0\n", "")
    hub = project.load().hub
    assert (hub.tasks_limit, hub.cpu_limit) == (1000, None)


def test_a_key_of_provisioner_yaml_that_is_unknown_and_empty_is_told(project: Project) -> None:
    project.provisioner("hub", "summary: x\nneed:\n")
    project.edit("    variables:\n      greeting: hello\n", "")
    told = "provisioners/hub/provisioner.yaml:2:1 need: unknown key; did you mean 'needs'?"
    assert project.problems() == [told]


@pytest.mark.parametrize(
    "package",
    [
        "numpy=2.1",
        "numpy pandas",
        "numpy >> 2",
        "dask[complete",
        "numpy; python_version < 3.9",
        "numpy; touch /tmp/x",
        "numpy --index-url https://pypi.example",
        "requirements.txt",
        "-r more.txt",
    ],
)
def test_what_is_no_package_of_pip_is_refused_in_the_manifest_too(project: Project, package: str) -> None:
    project.edit("[numpy]", f"[scipy, '{package}']")
    problem, *others = project.problems()
    assert others == []
    assert problem.startswith("manifest.yaml:18:21 python.packages.1: should be a package as pip takes it")


def test_a_package_that_is_a_file_of_this_machine_is_refused(project: Project) -> None:
    told = project.problems("python.packages=['x @ file:///home/me/x']")
    assert told == ["--set python.packages.0: x is a file of this machine, and the builder is another one"]


MINIFORGE = (
    "python.distribution=miniforge",
    "python.installers.miniforge={version: 26.7.2-0, urls: ['https://x/y'], sha256: {x86_64: "
    + "a" * 64
    + "}}",
)


@pytest.mark.parametrize(
    "package", ["numpy==", 'numpy "; rm -rf /"', "numpy $(id)", "numpy; x", "-n", "a b c d"]
)
def test_what_is_no_package_of_conda_is_refused(project: Project, package: str) -> None:
    told = project.problems(*MINIFORGE, f"python.conda_packages=['{package}']")
    assert [line.partition(",")[0] for line in told] == [
        "--set python.conda_packages.0: should be a package as conda takes it"
    ]


@pytest.mark.parametrize(
    "package",
    [
        "numpy",
        "numpy=2.1",
        "numpy==2.1.*",
        "scipy>=1.14",
        "scipy >=1.14,<2",
        "conda-forge::r-base",
        "python 3.11.*",
        "numpy=1.11.1=py_0",
        "blas=*=openblas",
        "numpy 1.8|1.9",
        "libblas=*=*mkl",
        "pytorch[version='>=2', build='*cuda*']",
        "numpy!=1.5",
        "numpy~=1.4",
        "_openmp_mutex",
        "Jinja2",
    ],
)
def test_packages_of_conda_are_taken(project: Project, package: str) -> None:
    text = package.replace("'", "''")
    assert project.load(*MINIFORGE, f"python.conda_packages=['{text}']").python.conda_packages == (package,)


KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIBq7YyGqz3F2k4h9nq1Dq4jv3l8Yb2o0mYbE8Wv5pQxY"


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("hub.disk_limit=10", "hub.disk_limit: should be text"),
        ("hub.disk_limit=50%", "hub.disk_limit: should be an amount such as 500M or 10G"),
        ("hub.disk_limit=0G", "hub.disk_limit: should be an amount"),
        ("hub.disk_limit=99M", "hub.disk_limit: should be at least 100M"),
        ("hub.mem_limit=0G", "hub.mem_limit: should be at least 128M"),
        ("hub.mem_limit=1K", "hub.mem_limit: should be at least 128M"),
        ("hub.mem_limit=8GB", "hub.mem_limit: should be an amount"),
        ("hub.cpu_limit=0.0001", "hub.cpu_limit: should be a number of processors"),
        ("hub.concurrent_starts=0", "hub.concurrent_starts: should be a number of servers"),
        ("hub.concurrent_starts=1.5", "hub.concurrent_starts: should be a number of servers"),
        ("hub.concurrent_starts=200%", "hub.concurrent_starts: should be a number of servers"),
        ("hub.concurrent_starts=true", "hub.concurrent_starts: should be a number of servers"),
        ('hub.environment={A: "x\\0y"}', "hub.environment.A: should be text without NUL"),
        ("launch.email=mailto:ops@hub.edu", "launch.email: should be an address"),
        ("launch.email=<ops@hub.edu>", "launch.email: should be an address"),
        ("launch.email='ops@hub.edu,'", "launch.email: should be an address"),
        ("launch.email=ops@hub..edu", "launch.email: should be an address"),
        ("launch.email=ops@hub.edu.", "launch.email: should be an address"),
        ("launch.email=ops@edu", "launch.email: should be an address"),
        ("launch.email=.ops@hub.edu", "launch.email: should be an address"),
        ("launch.email=\"ops';id;'@hub.edu\"", "launch.email: should be an address"),
        ("launch.operator_keys=[ssh-ed25519 AAAA]", "launch.operator_keys.0: should be the whole line"),
        (f"launch.operator_keys=['ssh-rsa {KEY}']", "launch.operator_keys.0: should be the whole line"),
        (
            f"launch.operator_keys=['ssh-ed25519 {KEY[:40]}']",
            "launch.operator_keys.0: should be the whole line",
        ),
        ("image.description=Hub für Zürich", "image.description: should be one line of at most 255 ASCII"),
        ("builder.caller_cidr='2001:db8::7/128'", "builder.caller_cidr: should be an IPv4 network"),
        ("builder.root_volume.iops=80000", "builder.root_volume.iops: should be from 3000 to 8000"),
        ("builder.root_volume.throughput=2000", "builder.root_volume.throughput: should be at most 750"),
        (
            "builder.root_volume={type: io1, iops: 64000}",
            "builder.root_volume.iops: should be from 100 to 800",
        ),
        ("builder.root_volume.kms_key_id=my key", "builder.root_volume.kms_key_id: should be the id"),
        ("launch.data_volume.kms_key_id=key", "launch.data_volume.kms_key_id: should be the id"),
        (
            "launch.data_volume.kms_key_id=arn:aws:kms:eu-west-1:123456789012:alias/x",
            "launch.data_volume.kms_key_id: is a key of eu-west-1, and region is us-east-1",
        ),
        ("builder.mirrors.apt='http://x/#;s/a/b/;&'", "builder.mirrors.apt: should be an address"),
        ("builder.mirrors.pypi='http://x/\"$(id)'", "builder.mirrors.pypi: should be an address"),
        ("builder.mirrors.conda='http:///x'", "builder.mirrors.conda: should be an address"),
        ("region=us-est-1", "region: us-est-1 is not an AWS region; did you mean 'us-west-1'?"),
        ("region=us-east-11", "region: us-east-11 is not an AWS region; did you mean 'us-east-1'?"),
        ("region=aws-global", "region: should be an AWS region"),
    ],
)
def test_what_would_be_refused_later_is_refused_now(project: Project, override: str, told: str) -> None:
    problem, *others = project.problems(override)
    assert others == []
    assert problem.startswith(f"--set {told}")


@pytest.mark.parametrize(
    "override",
    [
        "hub.mem_limit=128M",
        "hub.disk_limit=100M",
        "hub.disk_limit=null",
        "hub.cpu_limit=0.5",
        "hub.concurrent_starts=1",
        "hub.concurrent_starts=50%",
        "launch.email=o.p+s@hub.uni-x.edu",
        f"launch.operator_keys=['ssh-ed25519 {KEY} me']",
        "builder.root_volume={iops: 8000, throughput: 2000}",
        "builder.root_volume={type: io2, iops: 16000}",
        "builder.root_volume.kms_key_id=alias/aws/ebs",
        "region=eu-central-2",
        "image.description=Hub (1.0) - it's ok",
    ],
)
def test_what_would_be_taken_is_taken(project: Project, override: str) -> None:
    assert project.load(override)


@pytest.mark.parametrize(
    "address", ["ops@example.org", "ops@Example.COM", "a@b.test", "a@b.local", "a@b.internal"]
)
def test_an_address_that_lets_encrypt_refuses_is_refused_where_it_is_asked(
    project: Project, address: str
) -> None:
    """https://github.com/openwrt/luci/issues/8064"""
    project.edit("cloud: local\n", f"cloud: local\nlaunch: {{email: {address}}}\n")
    assert project.load().launch.email == address
    told = project.problems(cloud="aws")
    assert [line.partition(",")[0] for line in told] == [
        f"manifest.yaml:5:17 launch.email: {address} is refused by Let's Encrypt"
    ]


def test_a_private_builder_needs_to_know_its_caller(project: Project) -> None:
    project.edit("address: public", "address: private")
    assert project.load().builder.address == "private"
    told = project.problems(cloud="aws")
    assert [line.partition(",")[0] for line in told] == ["manifest.yaml:13:12 builder.address: is private"]
    project.edit("address: private", "address: private\n  caller_cidr: 10.0.0.0/16")
    assert project.load(cloud="aws").builder.caller_cidr == ("10.0.0.0/16",)


@pytest.mark.parametrize("name", ["AWS", "'aws '", "Local"])
def test_a_profile_that_is_nearly_named_like_a_cloud_is_refused(project: Project, name: str) -> None:
    project.edit("  aws:\n", f"  {name}:\n")
    problem, *others = project.problems()
    assert others == []
    assert "is not applied by --cloud" in problem
    assert problem.startswith("manifest.yaml:30:3 profiles.")


def test_all_mistakes_come_at_once_of_whatever_kind(project: Project) -> None:
    project.edit("size_gib: 16", "size_gib: big")
    project.edit("admin_users: [ada]", "admin_users: [root]")
    project.edit("  packages: [numpy]", "  requirements: nope.txt")
    project.edit("  - base", "  - bot")
    project.edit("publish:\n", "tests: {folder: nope}\npublish:\n")
    assert [line.partition(" ")[2].partition(":")[0] for line in project.problems()] == [
        "builder.root_volume.size_gib",
        "hub.admin_users.0",
        "python.requirements",
        "provisioners.0",
        "provisioners.1",
        "tests.folder",
    ]


def test_what_is_wrong_by_itself_is_not_told_as_a_misfit_too(project: Project) -> None:
    """python.distribution is not known, so nobody knows whether conda_packages fit."""
    project.edit("  packages: [numpy]", "  distribution: minforge\n  conda_packages: [numpy]")
    assert [line.partition(",")[0] for line in project.problems()] == [
        "manifest.yaml:18:17 python.distribution: should be 'venv'"
    ]


@pytest.mark.parametrize(
    "missing", ["image:\n  name: jupyterhub\n  tags: {team: data}\n", "  name: jupyterhub\n"]
)
def test_what_is_missing_hides_nothing(project: Project, missing: str) -> None:
    project.edit(missing, "")
    project.edit("admin_users: [ada]", "admin_users: [root]")
    told = "".join(project.problems())
    assert "is missing" in told
    assert "hub.admin_users.0: root is an account" in told


def test_the_account_of_the_image_is_not_proposed_as_another(project: Project) -> None:
    told = project.problems("base.login_user=hubadmin")
    assert [line.endswith("such as hub-admin") for line in told] == [True]


def test_no_folder_of_provisioners_is_told_once(project: Project) -> None:
    (project.folder / "provisioners").rename(project.folder / "else")
    place = "manifest.yaml:20:3 provisioners"
    assert project.problems() == [
        f"{place}: there is no provisioners/: the folder stands beside the manifest"
    ]


def test_a_circle_of_needs_is_told_as_one(project: Project) -> None:
    project.provisioner("base", "summary: x\nneeds: [hub]\n")
    told = "manifest.yaml:20:5 provisioners.0: base needs hub needs base: a circle, so none can come first"
    assert project.problems() == [told]
    project.provisioner("base", "summary: x\nneeds: [base]\n")
    assert [line.partition(": ")[2] for line in project.problems()] == [
        "base needs base: a circle, so none can come first"
    ]


def test_a_mistake_in_provisioner_yaml_does_not_hide_a_missing_script(project: Project) -> None:
    (project.provisioner("base", "summary: 7\n") / "install.sh").unlink()
    assert [line.partition(": ")[2] for line in project.problems()] == [
        "there is no install.sh beside this file",
        "should be text, is 7: put it in quotes",
    ]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("-", "-: should be a file: provisioners and tests are looked up beside it"),
        ("/dev/null", "/dev/null: should be a file"),
        ("pipe", "pipe: should be a file"),
        ("provisioners", "provisioners is a folder"),
        ("~/no.yaml", "there is no no.yaml"),
        ("no.yaml", "there is no no.yaml"),
    ],
)
def test_what_is_no_file_is_told_in_words(
    project: Project, path: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(project.folder / "pipe")
    monkeypatch.setenv("HOME", str(project.folder))
    with pytest.raises(UserError) as caught:
        load(Path(path))
    assert caught.value.message.startswith(told)


def test_a_tilde_is_the_home_folder(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(project.folder))
    assert load(Path("~/manifest.yaml")).path == project.manifest
