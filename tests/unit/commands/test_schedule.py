"""schedule: it installs, shows and removes, and says what is wrong. systemctl and crontab are stubs."""

from __future__ import annotations

from pathlib import Path

import pytest
from invoke import Program

from build.rebuild.schedule import systemd
from tasks import namespace

TINY = Path(__file__).parents[2] / "cloud" / "tiny" / "manifest.yaml"
NAME = "hubsmith-rebuild-greeting"
SYSTEMCTL = '#!/bin/sh\necho "$*" >>{log}\n'
CRONTAB = '#!/bin/sh\nif [ "$1" = -l ]; then cat {table} 2>/dev/null; else cat >{table}; fi\n'


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of the machine: units, systemctl's calls, a crontab, and a checkout."""
    programs = {
        "systemctl": SYSTEMCTL.format(log=tmp_path / "calls"),
        "crontab": CRONTAB.format(table=tmp_path / "table"),
    }
    (tmp_path / "bin").mkdir()
    for name, text in programs.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("HUBSMITH_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(systemd, "BOOTED", tmp_path)
    monkeypatch.setattr(systemd, "folder", lambda: tmp_path / "units")
    monkeypatch.setattr("build.rebuild.schedule.job.REPOSITORY", tmp_path / "checkout")
    return tmp_path


def schedule(*arguments: str) -> int:
    """Exit code of the command on the tiny manifest."""
    try:
        Program(namespace=namespace).run(["invoke", "schedule", "--manifest", str(TINY), *arguments])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


@pytest.mark.parametrize("keeper", ["cron", "systemd", "github"])
def test_an_option_with_a_line_break_does_not_become_a_line_of_its_own(
    machine: Path, keeper: str, capsys: pytest.CaptureFixture[str]
) -> None:
    value = 'tests.pytest_args=["-k=x",\n"-q"]\n* * * * * touch /tmp/x'
    assert (
        schedule("--every", "daily 03:00", "--on", keeper, "--show", "--set", 'image.description="a\n b"')
        == 2
    )
    assert "cannot be an option of a schedule" in capsys.readouterr().err
    assert schedule("--every", "daily 03:00", "--on", keeper, "--show", "--set", value) == 2


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*"))


def test_a_timer_is_started_where_systemd_is_at_work_and_goes_again(
    machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert schedule("--every", "Mon 03:00") == 0
    assert capsys.readouterr().out.strip() == NAME
    assert listed(machine / "units") == [f"{NAME}.service", f"{NAME}.timer"]
    assert "OnCalendar=Mon *-*-* 03:00:00" in (machine / "units" / f"{NAME}.timer").read_text()
    # an ordinary user's own systemd
    calls = (machine / "calls").read_text().replace("--user ", "").splitlines()
    assert [" ".join(call.split()[-3:]) for call in calls] == [
        "daemon-reload",
        f"enable --now {NAME}.timer",
    ]
    assert schedule("--remove") == 0
    assert f"{NAME}: removed" in capsys.readouterr().err
    assert listed(machine / "units") == []
    assert f"disable --now {NAME}.timer" in (machine / "calls").read_text()
    assert schedule("--remove") == 0
    assert f"there is no {NAME} on systemd" in capsys.readouterr().err


def test_cron_where_it_is_not(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systemd, "BOOTED", machine / "absent")
    assert schedule("--every", "Mon 03:00") == 0
    assert "0 3 * * 1 cd " in (machine / "table").read_text()
    assert schedule("--on", "systemd", "--every", "Mon 03:00") == 2
    assert schedule("--remove") == 0
    assert (machine / "table").read_text() == ""


def test_a_workflow_is_a_file_of_the_checkout(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = machine / "checkout/.github/workflows" / f"{NAME}.yml"
    assert schedule("--on", "github", "--every", "Mon 03:00") == 0
    assert capsys.readouterr().out.strip() == str(path)
    assert '- cron: "0 3 * * 1"' in path.read_text()
    assert "--cloud aws" in path.read_text()
    assert schedule("--on", "github", "--remove") == 0
    assert not path.exists()


@pytest.mark.parametrize("keeper", ["systemd", "cron", "github", "aws"])
def test_show_writes_nothing(machine: Path, keeper: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = listed(machine)
    source = ("--source", "https://github.com/ada/hub.git") if keeper == "aws" else ()
    assert schedule("--on", keeper, "--every", "Mon 03:00", "--show", *source) == 0
    assert "rebuild --scheduled --max-age 7d" in capsys.readouterr().out
    assert set(listed(machine)) - set(before) <= {"state"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--on", "windows", "--every", "Mon 03:00"), "one of systemd, cron, github, aws"),
        ((), "--every is required"),
        (("--every", "noon"), "not a time of the week"),
        (("--every", "Mon 03:00", "--max-age", "soon"), "not an age"),
        (
            ("--every", "Mon 03:00", "--on", "aws", "--show", "--source", "ssh://git.example.org/hub"),
            "not a repository that AWS can fetch",
        ),
        (
            ("--every", "Mon 03:00", "--on", "cron", "--notify", "you@your-university.edu"),
            "--notify: only for --on aws; cron runs this checkout, and mails what failed to its user\n"
            "hint: leave it out, or schedule with --on aws",
        ),
        (
            ("--every", "Mon 03:00", "--on", "aws", "--show", "--notify", "not-an-address"),
            "--notify not-an-address: should be an address such as you@your-university.edu",
        ),
        # By default, on this machine.
        (("--every", "Mon 03:00", "--revision", "main"), "--revision: only for --on aws; systemd runs this"),
        (("--remove", "--on", "github", "--source", "https://x"), "--source: only for --on aws; github runs"),
        (
            ("--on", "systemd", "--show", "--source", "https://x", "--revision", "main"),
            "--source, --revision: only for --on aws; systemd runs this checkout",
        ),
    ],
)
def test_what_is_wrong_is_said(
    machine: Path, arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert schedule(*arguments) == 2
    assert words in capsys.readouterr().err
    assert not (machine / "units").exists()


def test_without_credentials_nothing_is_left_in_the_checkout(
    machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (machine / "checkout").mkdir()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(machine / "absent"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    source = ("--source", "https://github.com/ada/hub.git")
    assert schedule("--on", "aws", "--every", "Mon 03:00", *source) == 2
    assert "no usable AWS credentials" in capsys.readouterr().err
    assert listed(machine / "checkout") == []
