"""A lock pins everything that is installed for users, is used only by the manifest it was made for, and
changes only when asked.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from build.bake.inputs import fingerprint
from build.bake.inputs.inputs import Inputs
from build.bake.inputs.inputs import diff_tags as input_changes
from build.errors import HubsmithError, UserError
from build.lock.diff import changes, summary
from build.lock.write import write
from build.manifest.packages import lockfile_format
from build.manifest.packages.lockfile_format import EnvironmentInputs, EnvironmentPins, Lock, LockInputs, Pins

if TYPE_CHECKING:
    from tests.package_index import Index
    from tests.unit.lock.conftest import Project

BASE = "ami-0123456789abcdef0"


def versions(lock: Lock, arch: str = "x86_64") -> dict[str, str]:
    return dict(re.findall(r"^(\S+)==(\S+)", lock.packages["venv"][arch].pip, re.MULTILINE))  # type: ignore[index]


def test_everything_is_pinned_with_hashes_within_the_provisioners_own_pins(
    project: Project, index: Index
) -> None:
    lock = project.locked()
    assert versions(lock) == {"base": "1.0", "greet": "2.0", "lab": "1.0", "only-new": "1.0"}
    pip = lock.packages["venv"]["x86_64"].pip
    assert f"greet==2.0 \\\n    --hash=sha256:{index.sha256('greet', '2.0')}\n" in pip
    assert "only-new==1.0 ; python_full_version >= '3.14' \\\n" in pip
    assert "127.0.0.1" not in project.lock.read_text()


def test_a_build_gets_exactly_the_lock(project: Project) -> None:
    lock = project.locked()
    chosen = project.load()
    assert chosen.provisioners[0].lock_files == {"pip": lock.packages["venv"]["x86_64"].pip}
    assert chosen.not_reproducible is None


def test_without_one_it_says_that_it_is_not_reproducible(project: Project) -> None:
    chosen = project.load("python.packages=[a, b, c]", "hub.version=6.1.1", building=True)
    assert chosen.provisioners[0].lock_files == {}
    assert chosen.unlocked == ("a", "b", "c", "jupyterhub==6.1.1")
    assert chosen.not_reproducible == (
        "not reproducible: each build takes the newest of a, b, c, jupyterhub==6.1.1 that fits; "
        "`invoke lock` pins what is installed"
    )
    assert project.load("python.packages=[]").not_reproducible is None


def test_pins_are_kept_until_an_upgrade(project: Project) -> None:
    project.locked("python.packages=[greet<2]")
    kept = project.locked()
    assert versions(kept)["greet"] == "1.0"
    assert versions(project.resolve(upgrade=True))["greet"] == "2.0"
    assert versions(project.resolve("python.packages=[greet>1]"))["greet"] == "2.0"
    assert changes(kept, project.resolve()) == []
    assert changes(kept, project.resolve(upgrade=True)) == [
        "venv x86_64",
        "  ~ pip greet 1.0 → 2.0",
        "  + pip only-new 1.0 for python_full_version >= '3.14'",
    ]
    assert changes(kept, project.resolve("python.packages=[]")) == [
        "venv x86_64",
        "  ~ what the manifest asks for",
        "  - pip greet 1.0",
    ]


def test_what_is_locked_already_is_locked_again_for_all_processors_and_the_rest_left(
    project: Project,
) -> None:
    first = project.locked()
    both = project.locked("base.architecture=arm64")
    assert set(both.packages["venv"]) == {"aarch64", "x86_64"}
    assert both.packages["venv"]["x86_64"] == first.packages["venv"]["x86_64"]
    project.load("base.architecture=arm64")
    project.load()


def test_what_was_not_locked_before_is_only_counted(project: Project) -> None:
    first = project.locked("python.packages=[greet<2]")
    assert summary(Lock(), first) == ["venv x86_64: 3 packages"]
    both = project.resolve("python.packages=[greet>1]", "base.architecture=arm64")
    assert summary(first, both)[-2:] == [
        "  + pip only-new 1.0 for python_full_version >= '3.14'",
        "venv aarch64: 4 packages",
    ]
    assert summary(first, first) == []


def test_a_lock_for_other_processors_is_refused(project: Project) -> None:
    project.locked()
    told = project.problem("base.architecture=arm64")
    assert told == (
        "manifest.lock:4:3 packages.venv: is locked for x86_64, not for aarch64, which "
        "base.architecture asks for: run `invoke lock`"
    )


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("python.packages=[greet, picky]", "packages: picky is new"),
        ("python.packages=[]", "packages: greet is gone"),
        ("hub.version=6.1.1", "hub_version its own → 6.1.1"),
        ("base.name=debian-12-amd64-*", "python 3.13 → 3.11"),
    ],
)
def test_a_lock_of_another_manifest_is_refused_and_says_what_differs(
    project: Project, override: str, says: str
) -> None:
    project.locked()
    assert (
        project.problem(override)
        == f"manifest.lock:5:5 packages.venv.x86_64: is of another manifest ({says}): run `invoke lock`"
    )


def test_a_new_list_of_the_provisioners_own_makes_it_stale_and_a_comment_does_not(project: Project) -> None:
    project.locked()
    own = project.provisioner / "own.in"
    own.write_text(f"# why\n{own.read_text()}")
    project.load()
    own.write_text("lab\nbase\n")
    assert "the provisioner's own packages changed" in project.problem()


def test_who_installs_nothing_reads_no_lock(project: Project) -> None:
    project.lock.write_text("<<<<<<< ours\n")
    assert project.load(building=False).provisioners[0].lock_files == {}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("version: 1", "<<<<<<< ours\nversion: 1", "manifest.lock:2:1 file: is a mark of a git conflict"),
        ("version: 1", "version: 2", "manifest.lock:2:10 version: should be 1, is 2"),
        (
            "greet==2.0 \\",
            "greet==2.0",
            "packages.venv.x86_64.pip: has something that `invoke lock` did not write: greet==2.0",
        ),
        ("greet==2.0 \\", "<<<<<<< ours\n        greet==2.0 \\", "did not write: <<<<<<< ours"),
        ("--hash=sha256:", "--hash=md5:", "did not write: base==1.0 \\"),
        ("venv:", "vnev:", "packages.vnev: should be 'venv', 'miniforge' or 'anaconda'"),
    ],
)
def test_what_somebody_else_wrote_into_it_is_told(project: Project, old: str, new: str, says: str) -> None:
    project.locked()
    text = project.lock.read_text()
    assert old in text
    project.lock.write_text(text.replace(old, new))
    assert says in project.problem()


@pytest.mark.parametrize(
    ("packages", "says"),
    [
        ("[greet, absent-one]", "absent-one was not found"),
        ("[greet==9]", "there is no version of greet==9"),
        ("[picky]", "picky"),
        ("['lab==2.0']", "lab==2.0"),
    ],
)
def test_what_cannot_be_had_is_one_message_and_nothing_is_left(
    project: Project, packages: str, says: str
) -> None:
    with pytest.raises(UserError) as caught:
        project.locked(f"python.packages={packages}")
    assert "pip packages cannot be locked for x86_64: Because" in str(caught.value)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in project.folder.iterdir()) == [
        "manifest.yaml",
        "provisioners",
        "tests",
    ]


def test_an_index_that_does_not_answer_is_no_mistake_of_the_manifest(project: Project) -> None:
    with pytest.raises(HubsmithError) as caught:
        project.locked("builder.mirrors.pypi=http://127.0.0.1:9/simple")
    assert not isinstance(caught.value, UserError)
    assert "could not be locked for x86_64" in str(caught.value)


def test_another_version_of_the_hub_takes_the_place_of_the_provisioners_own(
    project: Project, index: Index
) -> None:
    index.add("jupyterhub", "6.1.1")
    index.add("jupyterhub", "6.1.2")
    for name in ("own.in", "own.txt"):
        (project.provisioner / name).write_text(
            f"{(project.provisioner / name).read_text()}jupyterhub==6.1.1\n"
        )
    assert versions(project.resolve())["jupyterhub"] == "6.1.1"
    assert versions(project.resolve("hub.version=6.1.2"))["jupyterhub"] == "6.1.2"


def test_what_the_provisioner_overrides_holds_whatever_packages_ask_for(project: Project) -> None:
    definition = project.provisioner / "provisioner.yaml"
    definition.write_text(definition.read_text().replace("own.txt}", "own.txt, overrides: over.txt}"))
    assert "there is no over.txt in this folder" in project.problem()
    overrides = project.provisioner / "over.txt"
    overrides.write_text("")
    assert "base" in versions(project.locked())
    overrides.write_text("base ; python_version < '3'  # nobody needs it\n")
    assert "the provisioner's own packages changed" in project.problem()
    assert versions(project.locked()) == {"greet": "2.0", "lab": "1.0", "only-new": "1.0"}


def test_an_extension_that_the_manifest_leaves_out_is_not_locked(project: Project, index: Index) -> None:
    index.add("ipywidgets", "8.0")
    definition = project.provisioner / "provisioner.yaml"
    known = definition.read_text().replace("own.txt}", "own.txt, optional: extensions.txt}")
    definition.write_text(f"{known}  extensions: {{from: python.extensions, type: list}}\n")
    with (project.provisioner / "own.in").open("a") as own:
        own.write("ipywidgets\n")
    assert "there is no extensions.txt in this folder" in project.problem()
    (project.provisioner / "extensions.txt").write_text("# may be left out\nipywidgets\n")
    assert versions(project.locked())["ipywidgets"] == "8.0"
    assert "the provisioner's own packages changed" in project.problem("python.extensions=[]")
    assert versions(project.locked("python.extensions=[]")) == {
        "base": "1.0",
        "greet": "2.0",
        "lab": "1.0",
        "only-new": "1.0",
    }


def test_rebuild_sees_a_changed_lock_and_says_so(project: Project) -> None:
    project.locked("python.packages=[greet<2]")
    project.locked()
    first = Inputs.from_manifest(project.load(), BASE, "debian")
    project.lock.write_text("# a comment\n" + project.lock.read_text())
    assert input_changes(Inputs.from_manifest(project.load(), BASE, "debian"), first.tags()) == []
    project.locked(upgrade=True)
    assert input_changes(Inputs.from_manifest(project.load(), BASE, "debian"), first.tags()) == [
        "lock of python's pip packages changed"
    ]
    project.lock.unlink()
    gone = input_changes(Inputs.from_manifest(project.load(), BASE, "debian"), first.tags(), first.parts)
    assert gone == ["lock of python's pip packages is gone"]


def test_a_provisioner_without_a_lock_keeps_its_fingerprint(project: Project) -> None:
    (use,) = project.load("python.packages=[]").provisioners
    assert not [part for part in fingerprint.parts(use) if part.startswith(fingerprint.LOCKED)]


# A busy machine takes its time to make them.
SOME = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
names = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
numbers = st.from_regex(r"[0-9]{1,2}(\.[0-9a-z]{1,3}){0,2}", fullmatch=True)
markers = st.sampled_from(
    ["", " ; python_full_version < '3.12'", " ; python_full_version >= '3.12' or extra == 'é'"]
)
pip_entries = st.builds(
    lambda name, version, marker, hashes: (
        f"{name}=={version}{marker}" + "".join(f" \\\n    --hash=sha256:{one}" for one in hashes) + "\n"
    ),
    names,
    numbers,
    markers,
    st.lists(digests, min_size=1, max_size=2),
)
conda_entries = st.builds(
    lambda channel, subdir, name, version, end, digest: (
        f"{channel}/{subdir}/{name}-{version}-h0_0{end}#sha256:{digest}\n"
    ),
    st.sampled_from(["conda-forge", "https://mirror.test/a b".replace(" ", "-")]),
    st.sampled_from(["noarch", "linux-64", "linux-aarch64"]),
    names,
    numbers,
    st.sampled_from([".conda", ".tar.bz2"]),
    digests,
)
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=12)
asked = st.lists(texts, max_size=3).map(tuple)
made_ofs = st.builds(
    LockInputs,
    python=st.sampled_from(["3.11", "3.14"]),
    hub_version=st.none() | st.just("6.1.1"),
    channels=asked,
    conda_packages=asked,
    packages=asked,
    provisioner=texts,
)
pip_pin = f"cowsay==6.0 \\\n    --hash=sha256:{'a' * 64}\n"
conda_pin = f"conda-forge/noarch/x-1-0.conda#sha256:{'b' * 64}\n"
environments = st.sampled_from(
    [
        EnvironmentPins(made_of=EnvironmentInputs(packages=("cowsay",)), pip=pip_pin),
        EnvironmentPins(made_of=EnvironmentInputs(packages=("cowsay>5",)), pip=pip_pin),
        EnvironmentPins(made_of=EnvironmentInputs(conda_packages=("x",), channels=("c",)), conda=conda_pin),
    ]
)
pinned = st.builds(
    Pins,
    made_of=made_ofs,
    conda=st.lists(conda_entries, max_size=3).map("".join),
    pip=st.lists(pip_entries, max_size=3).map("".join),
    environments=st.dictionaries(st.sampled_from(["course", "other-1"]), environments, max_size=2),
)
locks = st.builds(
    Lock,
    packages=st.dictionaries(
        st.sampled_from(["venv", "miniforge", "anaconda"]),
        st.dictionaries(st.sampled_from(["x86_64", "aarch64"]), pinned, min_size=1),
    ),
)


@SOME
@given(lock=locks)
def test_what_is_written_is_read_again_and_differs_from_itself_in_nothing(
    tmp_path_factory: pytest.TempPathFactory, lock: Lock
) -> None:
    path = tmp_path_factory.mktemp("lock") / "manifest.lock"
    write(lock, path)
    found, _, problems = lockfile_format.load(path)
    assert problems == ()
    assert found == lock
    assert changes(lock, found) == []
    assert [file.name for file in path.parent.iterdir()] == ["manifest.lock"]


@SOME
@given(before=locks, after=locks)
def test_a_change_is_said_and_nothing_is_said_of_what_is_the_same(before: Lock, after: Lock) -> None:
    lines = changes(before, after)
    assert bool(lines) == (before != after)
    for distribution, platforms in after.packages.items():
        for arch, pins_there in platforms.items():
            label, pins_before = f"{distribution} {arch}", before.packages.get(distribution, {}).get(arch)
            assert (label in lines) == (alone(pins_before) != alone(pins_there))
            for name, there in pins_there.environments.items():
                was = pins_before.environments.get(name) if pins_before else None
                assert (f"{label}, environment {name}" in lines) == (was != there)


def alone(pins_there: Pins | None) -> Pins | None:
    """Without the environments, which have lines of their own."""
    return pins_there and pins_there.model_copy(update={"environments": {}})


@given(text=st.text(max_size=80))
def test_any_text_at_all_is_a_lock_or_told_and_never_a_crash(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.mktemp("any") / "manifest.lock"
    path.write_text(text, encoding="utf-8", newline="")
    found, _, problems = lockfile_format.load(path)
    assert found is not None or problems
