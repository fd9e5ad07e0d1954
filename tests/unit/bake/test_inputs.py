"""What the tags of an image tell is enough to say what changed, down to files, within EC2's limits."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from build.bake.inputs.inputs import Inputs, diff_tags
from build.errors import UserError
from build.manifest import load

BASE = ("ami-0123456789abcdef0", "debian-13-amd64-20261123-1130")
SHIPPED = Path(__file__).parents[3]


@dataclass(frozen=True)
class Project:
    """A copy of the shipped manifest and its provisioners."""

    folder: Path

    def inputs(self, *overrides: str) -> Inputs:
        return Inputs.from_manifest(load(self.folder / "manifest.yaml", overrides=overrides), *BASE)

    def provisioner(self, path: str) -> Path:
        return self.folder / "provisioners" / path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    shutil.copytree(SHIPPED / "provisioners", tmp_path / "p" / "provisioners")
    shutil.copy(SHIPPED / "manifest.yaml", tmp_path / "p" / "manifest.yaml")
    (tmp_path / "p" / "tests" / "image").mkdir(parents=True)
    return Project(tmp_path / "p")


def test_the_shipped_manifest_fits_into_tags_file_by_file(project: Project) -> None:
    marks = project.inputs().tags()
    assert all(len(key) <= 127 and len(value) <= 256 for key, value in marks.items())
    assert len(marks) <= 14
    assert "hubsmith:parts" in marks
    assert "hubsmith:provisioners" in marks


def test_the_same_is_the_same(project: Project) -> None:
    assert diff_tags(project.inputs(), project.inputs().tags()) == []


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("hub.admin_users=[ada]", ["variable admin_users of jupyterhub changed"]),
        ("image.description=other", ["image.description changed"]),
        ("builder.root_volume.size_gib=17", ["builder.root_volume changed"]),
        ("publish.tags={a: b}", ["image.tags changed"]),
        (
            "provisioners=[base, python, network, jupyterhub, certificates, service, logging]",
            ["provisioner boot is no longer used"],
        ),
    ],
)
def test_what_changed_in_the_manifest_is_named(project: Project, override: str, said: list[str]) -> None:
    assert diff_tags(project.inputs(override), project.inputs().tags()) == said


MINIFORGE = "python.distribution=miniforge"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("python.installers.miniforge.version=99.9.9-0", ["variable installers of python changed"]),
        (f"python.installers.miniforge.sha256.x86_64={'e' * 64}", ["variable installers of python changed"]),
        ("python.packages=[numpy]", ["variable packages of python changed"]),
    ],
)
def test_another_installer_or_package_is_a_change(project: Project, override: str, said: list[str]) -> None:
    assert diff_tags(project.inputs(MINIFORGE, override), project.inputs(MINIFORGE).tags()) == said


ARM = "base.architecture=arm64"
ANACONDA = ("python.distribution=anaconda", "python.accept_terms=true")


@pytest.mark.parametrize(
    ("chosen", "override"),
    [
        ((), "python.installers.miniforge.version=99.9.9-0"),
        ((), f"python.installers.anaconda.sha256.x86_64={'e' * 64}"),
        ((), "python.channels=[bioconda]"),
        ((), "python.accept_terms=true"),
        ((MINIFORGE,), "python.installers.anaconda.version=9999.01-0"),
        ((MINIFORGE,), f"python.installers.miniforge.sha256.aarch64={'e' * 64}"),
        ((MINIFORGE, ARM), f"python.installers.miniforge.sha256.x86_64={'e' * 64}"),
        (ANACONDA, "python.installers.miniforge.version=99.9.9-0"),
        (ANACONDA, f"python.installers.anaconda.sha256.aarch64={'e' * 64}"),
    ],
)
def test_a_pin_that_the_build_does_not_use_is_no_change(
    project: Project, chosen: tuple[str, ...], override: str
) -> None:
    now, before = project.inputs(*chosen, override), project.inputs(*chosen)
    assert diff_tags(now, before.tags()) == []
    assert now.fingerprint == before.fingerprint


@pytest.mark.parametrize(
    ("chosen", "override"),
    [
        ((MINIFORGE, ARM), f"python.installers.miniforge.sha256.aarch64={'e' * 64}"),
        (ANACONDA, f"python.installers.anaconda.sha256.x86_64={'e' * 64}"),
        (ANACONDA, "python.installers.anaconda.version=9999.01-0"),
        (ANACONDA, "python.installers.anaconda.urls=[https://mirror.example.org/x.sh]"),
    ],
)
def test_a_pin_that_it_does_use_is_one(project: Project, chosen: tuple[str, ...], override: str) -> None:
    assert diff_tags(project.inputs(*chosen, override), project.inputs(*chosen).tags()) == [
        "variable installers of python changed"
    ]


@pytest.mark.parametrize(
    "override",
    [
        "builder.instance_types=[m7i.large]",
        "retention.keep=9",
        "tests.timeout_minutes=50",
        "launch.instance_type=t3.small",
    ],
)
def test_what_does_not_get_into_the_image_is_no_change(project: Project, override: str) -> None:
    assert diff_tags(project.inputs(override), project.inputs().tags()) == []


def test_files_are_named(project: Project) -> None:
    marks = project.inputs().tags()
    motd, hosts = (
        project.provisioner("base/files/etc/hubsmith/README"),
        project.provisioner("base/files/etc/motd.d/x"),
    )
    motd.write_text("other\n")
    hosts.parent.mkdir()
    hosts.write_text("new\n")
    project.provisioner("boot/install.sh").chmod(0o600)
    names = dict(project.inputs().parts)
    project.provisioner("logging/files/etc/rsyslog.d/20-jupyterhub.conf").unlink()
    found = diff_tags(project.inputs(), marks)
    assert "provisioners/base/files/etc/hubsmith/README changed" in found
    assert "provisioners/base/files/etc/motd.d/x is new" in found
    # without names: a digest does not tell that of a file that is gone
    assert "provisioner logging changed" in found
    assert any(line.startswith("1 part(s) of ") and line.endswith(" are gone") for line in found)
    named = diff_tags(project.inputs(), marks, names)
    assert "provisioners/logging/files/etc/rsyslog.d/20-jupyterhub.conf is gone" in named
    assert not any("part(s)" in line for line in named)


def test_another_login_user_is_a_change_unless_the_base_image_names_it(project: Project) -> None:
    other, chosen = (
        "base.login_user=ubuntu",
        load(project.folder / "manifest.yaml", overrides=["base.login_user=ubuntu"]),
    )
    assert diff_tags(project.inputs(other), project.inputs().tags()) == ["base.login_user changed"]
    assert diff_tags(Inputs.from_manifest(chosen, *BASE, "admin"), project.inputs().tags()) == []


def test_another_base_image_is_one_change(project: Project) -> None:
    other = Inputs.from_manifest(load(project.folder / "manifest.yaml"), "ami-1", "debian-13-amd64-20261201")
    found = diff_tags(other, project.inputs().tags())
    assert found == [f"base image {BASE[0]} ({BASE[1]}) → ami-1 (debian-13-amd64-20261201)"]


def test_more_files_than_tags_hold_are_named_by_provisioner(project: Project) -> None:
    for number in range(300):
        project.provisioner(f"base/files/opt/{number}").parent.mkdir(exist_ok=True)
        project.provisioner(f"base/files/opt/{number}").write_text(str(number))
    marks = project.inputs().tags()
    assert "hubsmith:parts" not in marks
    project.provisioner("base/files/opt/7").write_text("changed")
    assert diff_tags(project.inputs(), marks) == ["provisioner base changed"]


def test_tags_that_say_less_still_tell_that_something_changed(project: Project) -> None:
    now = project.inputs()
    old = {"hubsmith:base": " ".join(BASE), "hubsmith:fingerprint": now.fingerprint, "hubsmith:scheme": "2"}
    assert diff_tags(now, old) == []
    assert diff_tags(now, {**old, "hubsmith:fingerprint": "0" * 64}) == [
        "the provisioners changed; the image's tags do not say what"
    ]
    noted = {
        **now.tags(),
        "hubsmith:settings": f"image.description={now.settings['image.description'][:8]} hubsmith={'0' * 8}",
    }
    assert diff_tags(now, noted) == ["what Hubsmith itself sends to the builder changed"]


@pytest.mark.parametrize("scheme", [None, "1", "3"])
def test_an_image_of_another_scheme_is_due_for_that_reason_and_no_other(
    project: Project, scheme: str | None
) -> None:
    """Its digests are all different, so no provisioner is named."""
    marks = {name: value for name, value in project.inputs().tags().items() if name != "hubsmith:scheme"}
    marks |= {
        "hubsmith:settings": "image.description=00000000",
        "hubsmith:provisioners": "base=00000000",
        "hubsmith:version": "0.0.1",
    }
    marks |= {"hubsmith:scheme": scheme} if scheme else {}
    reason = (
        "this version of Hubsmith counts what an image is made of in a different way: each image is "
        "rebuilt once"
    )
    assert diff_tags(project.inputs(), marks) == [reason]
    assert diff_tags(project.inputs(), {**marks, "hubsmith:base": "ami-0 old"}) == [
        f"base image ami-0 (old) → {' ('.join(BASE)})",
        reason,
    ]


def test_what_is_not_sent_is_no_change(project: Project) -> None:
    before = project.inputs()
    definition, template = (
        project.provisioner("boot/provisioner.yaml"),
        next(project.provisioner("jupyterhub").rglob("*.j2")),
    )
    definition.write_text(
        definition.read_text().replace("summary: ", "summary: In other words, ") + "# A comment.\n"
    )
    template.write_text("{# A comment. #}" + template.read_text())
    project.provisioner("boot/README").write_text("Not for the machine.\n")
    project.provisioner("boot/install.sh").chmod(0o600)
    assert diff_tags(project.inputs(), before.tags()) == []


def test_a_value_in_templates_is_named_and_they_are_not(project: Project) -> None:
    changed = diff_tags(project.inputs("hub.cpu_limit=50%"), project.inputs().tags())
    assert changed == ["variable cpu_limit of jupyterhub changed"]


def test_a_template_that_cannot_be_rendered_is_said_before_anything_is_built(project: Project) -> None:
    template = project.provisioner("base/files/etc/motd.j2")
    template.write_text("first\n{{ nobody_gives_this }}\n")
    with pytest.raises(UserError, match="nobody_gives_this") as caught:
        project.inputs()
    assert str(caught.value).startswith(f"{template}:2:1 base: ")


def test_who_owns_a_file_is_part_of_it(project: Project) -> None:
    before = project.inputs()
    definition = project.provisioner("base/provisioner.yaml")
    assert "files:" not in definition.read_text()
    definition.write_text(definition.read_text() + 'files: {/etc/hubsmith/README: {mode: "0600"}}\n')
    assert diff_tags(project.inputs(), before.tags()) == [
        "provisioners/base/files/etc/hubsmith/README changed"
    ]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_change_of_any_one_file_is_named_and_nothing_else(project: Project, data: st.DataObject) -> None:
    marks = project.inputs().tags()
    files = [
        path
        for path in sorted(project.folder.glob("provisioners/*/files/**/*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]
    chosen = data.draw(st.sampled_from(files))
    before = chosen.read_bytes()
    chosen.write_bytes(before + b"\n#x")
    try:
        assert diff_tags(project.inputs(), marks) == [
            f"{chosen.relative_to(project.folder).as_posix()} changed"
        ]
    finally:
        chosen.write_bytes(before)
