"""What a notebook may do to its machine: the rules of the image tests, and the manifest's word."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from openings import others, paths, planted, rules, sockets, survey

from build.bake import image_tests
from build.manifest import load
from build.report.reporter import Reporter

SHIPPED = Path(__file__).parents[2] / "manifest.yaml"
STRANGE = "socket: /run/it's.sock"
TEST_THAT_TELLS = """
import os, pathlib
def test_it():
    pathlib.Path(__file__).with_name("told").write_text(os.environ["HUBSMITH_ACCEPTED_OPENINGS"])
"""


def test_what_no_rule_knows_is_told_with_the_line_that_accepts_it() -> None:
    verdict = rules.judge(["network: tcp the hub:881", STRANGE, "writable: /var/lib/x, shared"])
    assert verdict.unknown == (STRANGE, "writable: /var/lib/x, shared")
    entry = rules.told(verdict.unknown).partition("tests:")
    assert yaml.safe_load("tests:" + entry[2]) == {"tests": {"accepted_openings": list(verdict.unknown)}}


def test_what_the_manifest_accepts_is_not_told_and_what_it_accepts_in_vain_is() -> None:
    verdict = rules.judge([STRANGE], [STRANGE, "socket: /run/gone.sock"])
    assert verdict == rules.Verdict((), ("socket: /run/gone.sock",))


def test_the_manifest_takes_each_line_that_is_told() -> None:
    lines = [line.replace("'", "''") for line in (STRANGE, *planted.LINES.strip().splitlines())]
    manifest = load(
        SHIPPED, overrides=["tests.accepted_openings=[" + ", ".join(f"'{line}'" for line in lines) + "]"]
    )
    assert manifest.tests.accepted_openings == (STRANGE, *planted.LINES.strip().splitlines())


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.pattern[:30])
def test_a_rule_is_of_one_kind_and_has_a_reason(rule: rules.Rule) -> None:
    assert re.match(r"[(|)a-z ]+: ", rule.pattern)
    assert rule.reason
    assert not re.search(r"\d+\.\d+", rule.pattern), "a version"


@pytest.mark.parametrize("line", planted.LINES.strip().splitlines())
def test_no_rule_accepts_what_is_planted(line: str) -> None:
    assert rules.judge([line]).unknown == (line,)


@pytest.mark.parametrize(
    "line",
    ["setuid: /usr/local/bin/x of package none", "readable: /run/cloud-init/instance-data-sensitive.json"],
)
def test_rules_leave_out_what_they_should(line: str) -> None:
    assert rules.judge([line]).unknown == (line,)


@pytest.mark.parametrize(
    ("line", "stable"),
    [
        ("writable: /run/jupyter-test-0123abcd-singleuser", "writable: /run/jupyter-USER-singleuser"),
        ("readable: /home/test-76543210@example.org", "readable: /home/ANOTHER@example.org"),
        (
            f"readable: /var/log/journal/{'0a' * 16}/user-1507.journal",
            "readable: /var/log/journal/ID/user-UID.journal",
        ),
        (
            "readable: /var/lib/cloud/instances/i-3c8408ccc1a5389c5/user-data.txt",
            "readable: /var/lib/cloud/instances/INSTANCE/user-data.txt",
        ),
        (
            "writable: /opt/hub/lib/python3.13/site-packages/x-1.0.2.dist-info",
            "writable: /opt/hub/lib/python3.N/site-packages/x-N.dist-info",
        ),
        ("network: tcp 169.254.169.254:80", "network: tcp 169.254.169.254:80"),
    ],
)
def test_lines_are_the_same_on_the_next_machine(line: str, stable: str) -> None:
    assert survey.without_chance(line, "test-0123abcd", 1507) == stable


def test_image_tests_are_told_what_the_manifest_accepts(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TEST_THAT_TELLS)
    (tmp_path / "ssh_config").touch()
    way = image_tests.SshTarget(tmp_path / "ssh_config", "127.0.0.1")
    manifest = load(SHIPPED, overrides=[f'tests.accepted_openings=["{STRANGE}"]', "tests.pytest_args=[]"])
    outcome = image_tests.run_with_config(
        [way], manifest, [tmp_path / "test_it.py"], "builder", tmp_path, Reporter(quiet=True)
    )
    assert outcome.passed == 1
    assert (tmp_path / "told").read_text() == f'["{STRANGE}"]'


@pytest.mark.parametrize("module", [paths, sockets, others], ids=lambda module: module.__name__)
def test_what_runs_in_a_notebook_needs_nothing_but_python(module: object) -> None:
    source = Path(str(module.__file__))  # type: ignore[attr-defined]
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(source)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
