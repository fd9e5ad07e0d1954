"""A renewal that fails is kept with its words until one succeeds; the words are the ACME server's."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.conftest import REPO

STATUS = REPO / "provisioners/service/files/usr/lib/hubsmith/status"
AUTHENTICATION = """\
Saving debug log to /var/log/letsencrypt/letsencrypt.log
Renewing an existing certificate for hub.example.test

Certbot failed to authenticate some domains (authenticator: dns-route53). The Certificate \
Authority reported these problems:
  Domain: hub.example.test
  Type:   unauthorized
  Detail: No TXT record found at _acme-challenge.hub.example.test

Hint: The Certificate Authority failed to verify the DNS TXT records created by --dns-route53.

Some challenges have failed.
Ask for help or search for solutions at https://community.letsencrypt.org. See the logfile \
/var/log/letsencrypt/letsencrypt.log or re-run Certbot with -v for more details.
"""
LIMIT = """Saving debug log to /var/log/letsencrypt/letsencrypt.log
Renewing an existing certificate for hub.example.test
An unexpected error occurred:
Error creating new order :: too many certificates (5) already issued for this exact set of identifiers
Ask for help or search for solutions at https://community.letsencrypt.org.
"""


@pytest.fixture
def problem(
    program: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """The module, its file in a folder of the test's."""
    module = program("hubsmith_certificate.problem")
    path = tmp_path / "problem.json"
    for name in ("note", "forget", "last"):
        function = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given, function=function: function(*given, path=path))
    return module


@pytest.fixture
def ensure(
    program: Callable[[str], ModuleType],
    problem: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> ModuleType:
    """The steps; certbot is a script that says what the file `says` has, and fails if there is one."""
    module, acme = program("hubsmith_certificate.ensure"), program("hubsmith_certificate.acme")
    certbot = tmp_path / "certbot"
    certbot.write_text(f"#!/bin/sh\ntest ! -e {tmp_path}/says || {{ cat {tmp_path}/says; exit 1; }}\n")
    certbot.chmod(0o755)
    monkeypatch.setattr(acme, "_CERTBOT", str(certbot))
    monkeypatch.setattr(acme, "FOLDER", tmp_path)
    monkeypatch.setattr(module.attempts, "failed", lambda: None)
    monkeypatch.setattr(module.attempts, "succeeded", lambda: None)
    monkeypatch.setattr(module.attempts, "failures", list)
    monkeypatch.setattr(module, "deploy", lambda _: None)
    return module


@pytest.fixture
def launched(program: Callable[[str], ModuleType]) -> Any:
    return program("hubsmith_machine.launch").Launch(
        domain="hub.example.test",
        email="you@your-university.edu",
        acme_directory="https://localhost:14000/dir",
    )


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            AUTHENTICATION,
            "Domain: hub.example.test Type:   unauthorized Detail: No TXT record found at "
            "_acme-challenge.hub.example.test",
        ),
        (
            LIMIT,
            "Error creating new order :: too many certificates (5) already issued for this exact set of "
            "identifiers",
        ),
        ("Some challenges have failed.\n", "Some challenges have failed."),
        ("", "certbot said nothing"),
    ],
    ids=["authentication", "limit", "nothing else", "nothing"],
)
def test_a_failed_renewal_is_kept_in_the_servers_words_until_one_succeeds(
    ensure: ModuleType, problem: ModuleType, launched: Any, tmp_path: Path, said: str, words: str
) -> None:
    (tmp_path / "says").write_text(said)
    with pytest.raises(ensure.acme.AcmeError):
        ensure.renew(launched, 10, force=False)
    kept = problem.last()
    assert kept["message"] == words
    assert kept["at"].endswith("+00:00")
    (tmp_path / "says").unlink()
    ensure.renew(launched, 10, force=False)
    assert problem.last() is None


def test_a_certificate_that_is_renewed_and_not_served_is_a_failure_too(
    ensure: ModuleType, problem: ModuleType, launched: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ensure, "deploy", lambda _: "port 443 does not serve it")
    with pytest.raises(ensure.NotServedError):
        ensure.renew(launched, 10, force=False)
    assert problem.last()["message"] == "port 443 does not serve it"


def test_a_first_certificate_that_does_not_come_is_told_alike(
    ensure: ModuleType, problem: ModuleType, launched: Any, tmp_path: Path
) -> None:
    (tmp_path / "says").write_text(LIMIT)
    assert "too many certificates" in ensure.at_boot(launched, 10)
    assert "too many certificates" in problem.last()["message"]
    (tmp_path / "says").unlink()
    assert ensure.at_boot(launched, 10) is None
    assert problem.last() is None


def test_a_file_that_cannot_be_read_is_no_failure(
    program: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    module = program("hubsmith_certificate.problem")
    path = tmp_path / "problem.json"
    for text in ("{broken", "[]", "{}"):
        path.write_text(text)
        assert module.last(path) is None
    module.note("no folder", tmp_path / "none" / "problem.json")
    assert module.last(tmp_path / "none" / "problem.json") is None


class TestInTheStatusProgram:
    @pytest.fixture
    def status(
        self, program: Callable[[str], ModuleType], problem: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> ModuleType:
        program("hubsmith_hub.accounts")
        loader = SourceFileLoader("hubsmith_status", str(STATUS))
        spec = importlib.util.spec_from_loader(loader.name, loader)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
        monkeypatch.setattr(module, "problem", problem)
        return module

    def test_a_failure_is_told_and_its_end_too(
        self, status: ModuleType, problem: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(status, "_output", lambda *_: "inactive")
        problem.note("it refuses")
        assert status._certificate()["problem"]["message"] == "it refuses"
        problem.forget()
        assert status._certificate()["problem"] is None

    def test_a_unit_that_failed_before_it_could_say_why_is_told_by_the_journal(
        self, status: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers = {"systemctl": "failed", "journalctl": "certificate: launch.json is broken"}
        monkeypatch.setattr(status, "_output", lambda *command: answers[command[0]])
        assert status._problem() == {"at": None, "message": "certificate: launch.json is broken"}
        monkeypatch.setitem(answers, "journalctl", "")
        assert status._problem() == {"at": None, "message": "certbot-renew.service failed"}

    def test_the_share_that_is_left_is_told(
        self, status: ModuleType, problem: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "fullchain.pem").write_text("any")
        moment = SimpleNamespace(isoformat=lambda: "2026-11-29T00:00:00+00:00")
        found = SimpleNamespace(
            self_signed=False, names=(), not_before=moment, not_after=moment, days_left=6, share_left=0.2
        )
        found.serial = "ab"
        monkeypatch.setattr(status.pem, "SERVED", tmp_path)
        monkeypatch.setattr(status.pem, "read", lambda _: found)
        monkeypatch.setattr(status.pem, "served", lambda: None)
        problem.note("it refuses")
        told = status._certificate()
        assert told["problem"]["message"] == "it refuses"
        assert (told["share_left"], told["days_left"], told["served_serial"]) == (0.2, 6, None)
