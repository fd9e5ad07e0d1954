"""Looking after it: is it well, does it pass the image's tests, a browser for its operator, what its role did."""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from build.localcloud import server
from tests.cloud.browser import attached
from tests.cloud.golden.story import Story
from tests.cloud.privileges import assert_least_privilege

WHOM_THE_HUB_KNOWS = """\
import json, sys
sys.path.insert(0, "/usr/lib/hubsmith/hub")
from hubsmith_hub import operator
print(json.dumps([user["name"] for user in operator.call("GET", "users")]))
"""

pytestmark = [pytest.mark.vm, pytest.mark.bake]


def test_status_and_hubs_say_that_it_is_well(story: Story) -> None:
    parts = {part["name"]: part for part in json.loads(story.invoke("status", "--json").out)}
    assert {name for name, part in parts.items() if part["ok"]} >= {"instance", "data volume", "name", "https", "hub", "proxy", "spawn"}
    row = next(row for row in json.loads(story.workshop.invoke("hubs", "--json").out) if row["domain"] == story.domain)
    assert row["health"] == "ok"
    assert row["certificate_days"] > 0
    group = story.workshop.client("ec2").describe_security_groups(Filters=[{"Name": "tag:hubsmith:hub", "Values": [story.domain]}])
    assert sorted(rule["FromPort"] for rule in group["SecurityGroups"][0]["IpPermissions"]) == [80, 443]


@pytest.mark.parametrize(
    "chosen",
    [
        pytest.param(("-k", "TestOfADomain or TestLaunched or TestNotebook"), id="of-a-launched-machine"),
        pytest.param((), id="all", marks=pytest.mark.exhaustive),
    ],
)
def test_the_images_tests_pass_on_the_running_hub(story: Story, chosen: tuple[str, ...]) -> None:
    arguments = json.dumps(["--numprocesses=2", "--dist=loadgroup", *chosen])
    done = json.loads(story.invoke("verify", "--json", "--set", f"tests.pytest_args={arguments}").out)
    (counts,) = done["tests"]
    assert (counts["stage"], counts["failed"]) == ("running", 0)
    cases = ET.parse(Path(done["folder"]) / "tests-running.xml").getroot().iter("testcase")
    passed = {str(case.get("name")).partition("[")[0] for case in cases if len(case) == 0}
    # A login, and what only a machine launched with a domain has: its certificate and its data volume.
    assert passed >= {"test_code_runs", "test_the_certificate_is_for_it", "test_lasting_folders_are_on_the_data_volume"}
    assert story.on_the_machine("getent passwd | grep --count ^test- || true") == "0"
    assert [name for name in json.loads(story.on_the_machine(f"/usr/bin/python3 -I -c '{WHOM_THE_HUB_KNOWS}'")) if "test-" in name] == []


def test_a_browser_for_its_operator(story: Story, tmp_path: Path) -> None:
    """`open` starts it; here it is one without a screen, which tells what it shows."""
    if not shutil.which("chromium"):
        pytest.skip("there is no chromium here (tests/host_packages.txt)")
    headless = tmp_path / "chromium"
    headless.write_text('#!/bin/sh\necho $$ > "$0.pid"\nexec chromium --headless=new --disable-gpu --remote-debugging-port=0 "$@"\n')
    headless.chmod(0o755)
    story.invoke("open", "--browser", str(headless))
    profile = story.workshop.state / "hubs" / story.domain / "browser"
    with attached(profile, int(Path(f"{headless}.pid").read_text()), tmp_path) as browser:
        browser.wait_for("document.querySelector('#username_input') !== null", 120)
        assert browser.js("location.origin") == story.url


def test_the_role_allows_what_the_machine_did_and_no_more(story: Story) -> None:
    name = f"hubsmith-{story.domain}"
    policy = story.workshop.client("iam").get_role_policy(RoleName=name, PolicyName="hub")["PolicyDocument"]
    assert_least_privilege(server.ensure_up(story.workshop.state / "cloud"), name, policy)
