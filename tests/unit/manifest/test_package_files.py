"""requirements.txt and environment.yml named in the manifest: as if what they ask for stood in it, and every
mistake with its place.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from build.bake.inputs.fingerprint import parts
from build.manifest.packages import environment_yml, requirements_txt

if TYPE_CHECKING:
    from tests.unit.manifest.conftest import Project

INSTALLER = f"{{version: '1', urls: ['https://x.test/i.sh'], sha256: {{x86_64: {'a' * 64}}}}}"
FORGE = (
    "python.distribution=miniforge",
    f"python.installers.miniforge={INSTALLER}",
    "python.environment=environment.yml",
)
LISTED = "python.requirements=requirements.txt"


def written(folder: Path, text: str) -> Path:
    path = folder / "requirements.txt"
    path.write_text(text, encoding="utf-8", newline="")
    return path


def test_packages_of_requirements_txt_are_the_manifests(project: Project) -> None:
    (project.folder / "more").mkdir()
    (project.folder / "more" / "base.txt").write_text("scipy\n-r ../last.txt\n")
    (project.folder / "last.txt").write_text("cowsay == 6.1 ; python_version < '4'\n")
    written(
        project.folder,
        (
            "# ours\npandas >=2, \\\n  <3  # a comment\n\nnumpy\n-r more/base.txt\n"
            "requests[socks]#no-comment\n"
        ).replace("#no", " #no"),
    )
    chosen = project.load(LISTED)
    wanted = ("numpy", "pandas<3,>=2", "scipy", 'cowsay==6.1; python_version < "4"', "requests[socks]")
    assert chosen.python.packages == wanted
    assert chosen.provisioners[1].values["packages"] == wanted


def test_a_change_in_the_file_is_a_change_of_the_variable_and_a_comment_is_none(project: Project) -> None:
    def made_of() -> dict[str, str]:
        return parts(project.load(LISTED).provisioners[1])

    written(project.folder, "scipy\n")
    first = made_of()
    written(project.folder, "# why\nscipy   # because\n")
    assert made_of() == first
    written(project.folder, "scipy>1\n")
    assert {name for name, digest in made_of().items() if first[name] != digest} == {"variable:packages"}


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("numpy\n  !!\n", "2:3", "should be a package as pip takes it, such as numpy or pandas>=2, is '!!'"),
        ("numpy >= \n", "1:1", "should be a package as pip takes it"),
        (
            "\n--index-url https://x.test/simple\n",
            "2:1",
            "--index-url is builder.mirrors.pypi of the manifest",
        ),
        ("-i https://x.test/simple\n", "1:1", "-i is builder.mirrors.pypi"),
        ("--extra-index-url=https://x.test/simple\n", "1:1", "--extra-index-url is builder.mirrors.pypi"),
        ("-e .\n", "1:1", "-e is a folder of this machine"),
        ("-c limits.txt\n", "1:1", "-c is not read: put the limit beside the package"),
        ("--pre\n", "1:1", "--pre means nothing here"),
        ("numpy==2.1 \\\n    --hash=sha256:abc\n", "1:1", "leave it out, `invoke lock` pins everything"),
        ("https://x.test/a-1.whl\n", "1:1", "should have a name in front: NAME @ https://x.test/a-1.whl"),
        ("./a.whl\n", "1:1", "should be a package"),
        ("a @ file:///srv/a.whl\n", "1:1", "a is a file of this machine"),
        ("-r absent.txt\n", "1:1", "there is no absent.txt"),
        ("numpy\n-r requirements.txt\n", "2:1", "requirements.txt includes itself"),
    ],
)
def test_what_cannot_be_installed_is_told_with_its_line(
    project: Project, text: str, place: str, says: str
) -> None:
    written(project.folder, text)
    (told,) = project.problems(LISTED)
    assert told.startswith(f"requirements.txt:{place} package: ")
    assert says in told


def test_all_mistakes_come_at_once_those_of_the_manifest_too(project: Project) -> None:
    written(project.folder, "!\n-e .\n")
    assert len(project.problems(LISTED, "hub.admin_users=[admin]")) == 3


def test_what_is_no_text_and_what_is_not_there(project: Project) -> None:
    (project.folder / "requirements.txt").write_bytes(b"numpy\n\xff\n")
    assert project.problems(LISTED) == ["requirements.txt:2:1 file: is not UTF-8 text"]
    assert project.problems("python.requirements=absent.txt") == [
        "--set python.requirements: there is no absent.txt beside the manifest"
    ]
    project.edit(
        "  packages: [numpy]", "  packages: [numpy]\n  environment: absent.yml\n  distribution: anaconda"
    )
    assert (
        "manifest.yaml:19:16 python.environment: there is no absent.yml beside the manifest"
        in project.problems()
    )
    assert "a file in the folder of the manifest" in "".join(project.problems("python.requirements=../x"))


ENVIRONMENT = """\
name: course
channels: [bioconda, nodefaults, conda-forge]
dependencies:
  - python=3.14
  - conda-forge::r-base
  - pip
  - pip:
      - cowsay
      - -r requirements.txt
prefix: /home/ada/course
"""


def test_packages_and_channels_of_environment_yml_are_the_manifests(project: Project) -> None:
    written(project.folder, "scipy\n")
    (project.folder / "environment.yml").write_text(ENVIRONMENT)
    chosen = project.load(*FORGE, "python.conda_packages=[numpy=2.1, pip]").python
    assert chosen.channels == ("bioconda", "conda-forge")
    assert chosen.conda_packages == ("numpy=2.1", "pip", "python=3.14", "conda-forge::r-base")
    assert chosen.packages == ("numpy", "cowsay", "scipy")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("name: course", "nmae: course", "1:1 nmae: unknown key; did you mean 'name'?"),
        ("name: course", "variables: {A: b}", "1:1 variables: is hub.environment of the manifest"),
        ("- pip\n", "- 3.14\n", "6:5 dependencies.2: should be text, is 3.14"),
        ("- pip\n", "- [pip]\n", "6:5 dependencies.2: should be text, is a list"),
        ("- pip\n", "- =3\n", "6:5 dependencies.2: should be a package as conda takes it"),
        ("- pip:", "- npm:", "7:5 dependencies.3.npm: unknown key; did you mean 'pip'?"),
        ("- cowsay", "- cow say", "8:9 package: should be a package as pip takes it"),
        ("- cowsay", "- {a: b}", "8:9 dependencies.3.pip.0: should be text, is a mapping"),
        ("bioconda", "defaults", "2:12 channels: defaults comes under Anaconda's terms"),
        ("bioconda", "'*'", "2:12 channels.0: should be the name of a channel"),
        ("[bioconda, nodefaults, conda-forge]", "bioconda", "2:11 channels: should be a list, is 'bioconda'"),
        ("requirements.txt", "absent.txt", "9:9 package: there is no absent.txt"),
        ("prefix: ", "name: ", "10:1 name: is set twice"),
        ("channels: [", "channels: ]", "2:11 file: is not valid YAML"),
    ],
)
def test_mistakes_of_environment_yml_are_told_with_their_place(
    project: Project, old: str, new: str, told: str
) -> None:
    written(project.folder, "scipy\n")
    assert old in ENVIRONMENT
    (project.folder / "environment.yml").write_text(ENVIRONMENT.replace(old, new, 1))
    lines = project.problems(*FORGE)
    assert any(line.startswith(f"environment.yml:{told}") for line in lines), lines


def test_who_has_accepted_the_terms_may_name_defaults_in_it(project: Project) -> None:
    written(project.folder, "")
    (project.folder / "environment.yml").write_text(ENVIRONMENT.replace("bioconda", "defaults"))
    anaconda = [option.replace("miniforge", "anaconda") for option in FORGE]
    assert project.load(*anaconda, "python.accept_terms=true").python.channels == ("defaults", "conda-forge")


def test_a_venv_has_no_conda_to_read_it(project: Project) -> None:
    (project.folder / "environment.yml").write_text("dependencies: [numpy]\n")
    (told,) = project.problems("python.environment=environment.yml")
    assert "a venv does not have: use distribution miniforge, or name a requirements.txt" in told


names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,8}[A-Za-z0-9])?", fullmatch=True)
specs = st.sampled_from(["", "==1.0", ">=1,<2", "~=1.4", "!=3", "[a,b]>2", '; python_version < "3.13"'])
blanks = st.sampled_from(["", " ", "\t", "   "])
comments = st.sampled_from(["", "  # why", " #", "\t# a \\"])
breaks = st.sampled_from(["\n", "\r\n", "\n\n", "\n# alone\n"])


@given(
    lines=st.lists(st.tuples(names, specs, blanks, blanks, comments, breaks), max_size=6),
    joined=st.booleans(),
)
def test_what_pip_would_read_is_read(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[str, ...]], joined: bool
) -> None:
    between = " \\\n  " if joined else " "
    text = "".join(
        f"{before}{name}{between}{spec}{after}{comment}{end}"
        for name, spec, before, after, comment, end in lines
    )
    found = requirements_txt.read(written(tmp_path_factory.mktemp("read"), text))
    assert found.problems == ()
    assert [each.text for each in found.packages] == [
        str(Requirement(f"{name}{spec}")) for name, spec, *_ in lines
    ]
    starts = [number for number, line in enumerate(text.splitlines(), start=1)]
    assert all(each.mark.line in starts for each in found.packages)
    for each, (name, *_) in zip(found.packages, lines, strict=True):
        assert text.splitlines()[each.mark.line - 1][each.mark.column - 1 :].startswith(name)


@given(text=st.text(max_size=60) | st.text("-re =abc.txt\\\n#<>@[];'\"!~:/", max_size=60))
def test_any_text_at_all_is_read_or_told_and_never_a_crash(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    found = requirements_txt.read(written(folder, text))
    assert all(problem.line >= 1 and problem.column >= 1 for problem in found.problems)
    (folder / "environment.yml").write_text(
        f"dependencies:\n  - pip:\n    - {text}\n", encoding="utf-8", newline=""
    )
    assert all(problem.line >= 1 for problem in environment_yml.read(folder / "environment.yml").problems)
