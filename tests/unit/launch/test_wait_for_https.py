"""What a hub that does not answer yet is taken for, by its instance's last words and its kernel."""

from __future__ import annotations

import json
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from build.aws import console
from build.aws.console import KernelWatch
from build.errors import HubsmithError
from build.hubs import https_probe
from build.hubs.https_probe import HttpsProbe
from build.hubs.hub import Hub
from build.launch import wait_for_https
from build.launch.instance import watch_kept
from build.launch.wait_for_https import _judge
from tests.consoles import PANIC, Ec2, recorded

SILENT = HttpsProbe("no answer", None)


def state(said: dict[str, str] | None) -> Any:
    """A launch of i-1 whose `status` parameter holds ``said``."""

    def get_parameter(**_: str) -> dict[str, Any]:
        if said is None:
            raise ClientError({"Error": {"Code": "ParameterNotFound"}}, "GetParameter")
        return {"Parameter": {"Value": json.dumps(said)}}

    clients = SimpleNamespace(ssm=SimpleNamespace(get_parameter=get_parameter))
    ec2 = SimpleNamespace(get_console_output=lambda **_: {"Output": "its last words"})
    clients.ec2 = ec2
    return SimpleNamespace(
        clients=clients,
        hub=Hub("hub.example.org"),
        instance_id="i-1",
        zone=object(),
        names=("hub.example.org",),
    )


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (None, "no answer"),
        ({}, "no answer"),
        ({"phase": "ready", "instance_id": "i-0"}, "no answer"),
        ({"phase": "ready", "instance_id": "i-1"}, "no answer"),
        (
            {"phase": "volume", "instance_id": "i-1", "message": "waiting for vol-1"},
            "volume: waiting for vol-1",
        ),
        ({"phase": "users", "instance_id": ""}, "users"),
    ],
)
def test_it_is_under_way(said: dict[str, str] | None, words: str) -> None:
    seen = _judge(state(said), SILENT, set())
    assert not seen.ok
    assert seen.problem == words


def test_an_instance_that_failed_twice_has_failed() -> None:
    failures: set[str] = set()
    first = {"phase": "failed", "instance_id": "i-1", "message": "no volume", "at": "1"}
    assert not _judge(state(first), SILENT, failures).ok
    assert not _judge(state(first), SILENT, failures).ok
    with pytest.raises(HubsmithError, match="no volume") as caught:
        _judge(state({**first, "at": "2"}), SILENT, failures)
    assert "its last words" in str(caught.value.hint)


@pytest.fixture
def ec2() -> Any:
    return Ec2()


@pytest.fixture
def launch(ec2: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A launch of i-1 whose hub does not answer, with looks that follow each other in no time."""
    monkeypatch.setattr(console, "EVERY_S", 0.05)
    monkeypatch.setattr(wait_for_https, "_EVERY_S", 0.05)
    monkeypatch.setattr(https_probe, "probe", lambda *_, **__: SILENT)
    made = state(None)
    made.clients.ec2, made.clients.cloud = ec2, SimpleNamespace(acme_roots="")
    made.options = SimpleNamespace(
        staging=False, defaults=SimpleNamespace(ready_minutes=1, allowed_cidrs=("0.0.0.0/0",))
    )
    made.report = SimpleNamespace(waiting=lambda _: None, warn=lambda _: None)
    made.kernel = KernelWatch(ec2, "i-1")
    return made


def test_a_panic_ends_the_wait_at_once(launch: Any, ec2: Any) -> None:
    threading.Timer(0.3, setattr, [ec2, "console", recorded("debian-13-int3")]).start()
    began = time.monotonic()
    with pytest.raises(HubsmithError) as caught:
        wait_for_https.wait(launch, "127.0.0.1")
    assert str(caught.value).startswith(f"i-1: {PANIC}")
    assert "`invoke logs --domain hub.example.org --console`" in str(caught.value.hint)
    assert time.monotonic() - began < 20


def test_a_hub_that_answers_is_up_whatever_its_console_shows(
    launch: Any, ec2: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ec2.console = recorded("debian-12-oops")
    monkeypatch.setattr(https_probe, "probe", lambda *_, **__: HttpsProbe(""))
    assert wait_for_https.wait(launch, "127.0.0.1") is None
    assert ec2.asked == 0


@pytest.mark.parametrize("at_first", ["tiny-stall-then-panic", "debian-12-oops"])
def test_a_wait_in_vain_names_a_stall_and_not_what_an_earlier_launch_knew(
    launch: Any, ec2: Any, at_first: str
) -> None:
    ec2.console = recorded(at_first)
    launch.options.defaults.ready_minutes = 0.005
    launch.kernel = watch_kept(launch, SimpleNamespace(id="i-1", state="running"))  # type: ignore[arg-type]
    ec2.console += recorded("debian-12-lockup")
    with pytest.raises(
        HubsmithError,
        match=r"^hub\.example\.org took longer than .*; the likely cause: "
        r"the machine's kernel reported a hung",
    ):
        wait_for_https.wait(launch, "127.0.0.1")


@pytest.mark.parametrize(("instance", "fails"), [("running", True), ("stopped", False), ("stopping", False)])
def test_a_kept_machine_that_still_stands_in_a_panic_has_failed_and_one_that_is_started_has_not(
    launch: Any, ec2: Any, instance: str, fails: bool
) -> None:
    ec2.console = recorded("debian-13-int3")
    watch = watch_kept(launch, SimpleNamespace(id="i-1", state=instance))  # type: ignore[arg-type]
    assert (watch.look() is not None) is fails


def test_a_hub_whose_certificate_leaves_out_users_hosts_is_as_well_as_it_will_be() -> None:
    launch = state(
        {"phase": "ready", "instance_id": "i-1", "message": "no certificate from the ACME server: it refuses"}
    )
    launch.names = ("hub.example.org", "*.hub.example.org")
    certificate: Any = SimpleNamespace(names=("hub.example.org",), self_signed=False)
    with pytest.raises(
        HubsmithError,
        match=r"its certificate is not for \*\.hub\.example\.org: "
        "no certificate from the ACME server: it refuses",
    ):
        _judge(launch, HttpsProbe("its certificate is for hub.example.org", certificate), set())
    certificate.names = launch.names
    assert (
        _judge(launch, HttpsProbe("it answers with status 503", certificate), set()).problem
        == "it answers with status 503"
    )
