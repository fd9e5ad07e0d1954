"""Which image is the newest published one, when parameter and channel say so, and when they disagree.

The images are in a local cloud without machines.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from invoke import Program
from moto.ec2.models import ec2_backends
from moto.ssm.models import ssm_backends
from werkzeug.serving import make_server

from build.aws.session import Clients, Cloud, connect
from build.bake.published import newest_published
from build.bake.state import BaseImage
from build.bake.steps import source_image
from build.launch.image import FindHubImage
from build.manifest import Manifest, load
from build.rebuild import due
from localcloud.ec2.host import Host
from localcloud.ec2.install import install
from localcloud.ec2.pace import Pace
from localcloud.server.wsgi import CloudApp, QuietHandler
from tasks import namespace
from tests.http_server import answering

TINY = Path(__file__).parents[2] / "cloud" / "tiny" / "manifest.yaml"
PARAMETER = "/test/greeting/latest"
# Seconds; the stubs know whole ones only.
SOON: Any = {"Delay": 0.1, "MaxAttempts": 300}


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    host = Host(tmp_path_factory.mktemp("cloud"))
    host.pace = Pace(image_s=0)
    host.open()
    install(host)
    app = CloudApp(host, lambda: {"pid": 1})
    with answering(make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)) as server:
        yield connect(Cloud("local", "us-east-1", f"http://127.0.0.1:{server.port}", "test", "test"))
    host.close()
    for backends in (ec2_backends, ssm_backends):
        for account in backends.values():
            account.clear()


@pytest.fixture(scope="module")
def snapshot(clients: Clients) -> str:
    volume = clients.ec2.create_volume(Size=1, AvailabilityZone="us-east-1a")["VolumeId"]
    found = clients.ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    clients.ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[found], WaiterConfig=SOON)
    return found


Publish = Callable[..., str]


@pytest.fixture
def publish(clients: Clients, snapshot: str) -> Iterator[Publish]:
    """Register an image with the tags of a published one; the later one is the newer one."""
    made: list[str] = []

    def register(channel: str = "", **more: str) -> str:
        tags = {"image": "greeting", "state": "published", "channel": channel, **more}
        marks: Any = [{"Key": f"hubsmith:{key}", "Value": value} for key, value in tags.items() if value]
        found = clients.ec2.register_image(
            Name=f"greeting-{len(made)}",
            RootDeviceName="/dev/xvda",
            Architecture="x86_64",
            BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}],
            TagSpecifications=[{"ResourceType": "image", "Tags": marks}],
        )["ImageId"]
        clients.ec2.get_waiter("image_available").wait(ImageIds=[found], WaiterConfig=SOON)
        made.append(found)
        return found

    yield register
    there = clients.ec2.describe_images(Owners=["self"])["Images"]
    for image_id in {image["ImageId"] for image in there} & {*made}:
        clients.ec2.deregister_image(ImageId=image_id)


@pytest.fixture
def point_to(clients: Clients) -> Iterator[Callable[[str], None]]:
    def put(value: str) -> None:
        clients.ssm.put_parameter(Name=PARAMETER, Value=value, Type="String", Overwrite=True)

    yield put
    clients.ssm.delete_parameters(Names=[PARAMETER])


def manifest(*overrides: str) -> Manifest:
    return load(TINY, cloud="local", overrides=overrides)


def found(clients: Clients, *overrides: str) -> tuple[str | None, list[str]]:
    """The image's id and what a command warns of."""
    warnings: list[str] = []
    image = newest_published(manifest(*overrides), clients, warnings.append)
    return image["ImageId"] if image else None, warnings


def test_before_the_first_there_is_none_and_nothing_is_odd(clients: Clients) -> None:
    assert found(clients) == (None, [])


def test_parameter_and_channel_agree(
    clients: Clients, publish: Publish, point_to: Callable[[str], None]
) -> None:
    publish()
    newest = publish("stable")
    point_to(newest)
    assert found(clients) == (newest, [])


def test_the_parameter_decides_and_the_warning_names_both(
    clients: Clients, publish: Publish, point_to: Callable[[str], None]
) -> None:
    older, newer = publish(), publish("stable")
    point_to(older)
    words = f"{PARAMETER} names {older}; {newer} holds channel stable; using {older}"
    assert found(clients) == (older, [words])


def test_where_a_build_was_killed_between_the_two_both_hold_the_channel(
    clients: Clients, publish: Publish, point_to: Callable[[str], None]
) -> None:
    older, newer = publish("stable"), publish("stable")
    point_to(older)
    assert found(clients) == (
        older,
        [f"{PARAMETER} names {older}; {newer} holds channel stable; using {older}"],
    )


def test_the_parameter_is_enough(clients: Clients, publish: Publish, point_to: Callable[[str], None]) -> None:
    only = publish()
    point_to(only)
    assert found(clients) == (
        only,
        [f"{PARAMETER} names {only}; no image holds channel stable; using {only}"],
    )


def test_an_image_that_is_gone_is_passed_over(
    clients: Clients, publish: Publish, point_to: Callable[[str], None]
) -> None:
    gone, left = publish(), publish("stable")
    clients.ec2.deregister_image(ImageId=gone)
    point_to(gone)
    odd = f"{PARAMETER} names {gone}, which is not an available published image of greeting"
    assert found(clients) == (left, [f"{odd}; {left} holds channel stable; using {left}"])
    clients.ec2.deregister_image(ImageId=left)
    assert found(clients) == (None, [f"{odd}; no image holds channel stable"])


@pytest.mark.parametrize("mark", [{"state": "candidate"}, {"image": "other"}])
def test_what_is_no_published_image_of_the_name_is_passed_over(
    clients: Clients, publish: Publish, point_to: Callable[[str], None], mark: dict[str, str]
) -> None:
    left, strange = publish("stable"), publish("stable", **mark)
    point_to(strange)
    image, (warning,) = found(clients)
    assert image == left
    assert f"names {strange}, which is not an available published image of greeting" in warning


def test_a_parameter_that_channels_share_does_not_decide_for_another_one(
    clients: Clients, publish: Publish, point_to: Callable[[str], None]
) -> None:
    stable, beta = publish("stable"), publish("beta")
    point_to(beta)
    words = (
        f"{PARAMETER} names {beta}, which holds channel beta; {stable} holds channel stable; using {stable}"
    )
    assert found(clients) == (stable, [words])
    assert found(clients, "publish.channel=beta") == (beta, [])


def test_a_parameter_that_is_not_there_is_reported_and_the_channel_decides(
    clients: Clients, publish: Publish
) -> None:
    stable = publish("stable")
    words = f"{PARAMETER} does not exist; {stable} holds channel stable; using {stable}"
    assert found(clients) == (stable, [words])


def test_without_a_parameter_the_channel_decides_and_nobody_asks_for_one(
    clients: Clients, publish: Publish, point_to: Callable[[str], None]
) -> None:
    older, newer, _ = publish("stable"), publish("stable"), publish("beta")
    point_to(older)
    assert found(clients, "publish.ssm_parameter=null") == (newer, [])


def test_who_may_not_read_the_parameter_gets_the_channels(
    clients: Clients, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: str) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetParameter")

    stable = publish("stable")
    monkeypatch.setattr(clients.ssm, "get_parameter", refuse)
    words = f"{PARAMETER} may not be read; {stable} holds channel stable; using {stable}"
    assert found(clients) == (stable, [words])
    clients.ec2.deregister_image(ImageId=stable)
    assert found(clients) == (None, [f"{PARAMETER} may not be read; no image holds channel stable"])


def test_launch_and_rebuild_take_the_same_image_and_say_the_same(
    clients: Clients, publish: Publish, point_to: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = publish(), publish("stable")
    point_to(older)
    base = BaseImage("ami-1", "tiny", "000000000000", "x86_64", "/dev/xvda", 1, "root")
    monkeypatch.setattr(source_image, "find", lambda *_: base)
    by_rebuild: list[str] = []
    assert due.decide(manifest(), clients, None, by_rebuild.append).image_id == older
    by_launch: list[str] = []
    report = type("Report", (), {"warn": staticmethod(by_launch.append)})
    options = type("Options", (), {"image_id": None})
    state: Any = type(
        "State", (), {"options": options, "manifest": manifest(), "clients": clients, "report": report}
    )
    assert FindHubImage()._find(state).id == older
    assert (
        by_launch == by_rebuild == [f"{PARAMETER} names {older}; {newer} holds channel stable; using {older}"]
    )


@pytest.mark.parametrize(
    ("command", "module"), [("images", "images"), ("plan", "images"), ("rebuild --check", "rebuild")]
)
def test_commands_warn(
    clients: Clients,
    publish: Publish,
    point_to: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    module: str,
) -> None:
    older, newer = publish(), publish("stable")
    point_to(older)
    base = BaseImage("ami-1", "tiny", "000000000000", "x86_64", "/dev/xvda", 1, "root")
    monkeypatch.setattr(source_image, "find", lambda *_: base)
    commands = importlib.import_module(f"build.commands.{module}")
    monkeypatch.setattr(commands, "connect_to", lambda *_, **__: clients)
    Program(namespace=namespace).run(["invoke", *command.split(), "--manifest", str(TINY)], exit=False)
    assert (
        f"warning: {PARAMETER} names {older}; {newer} holds channel stable; using {older}\n"
        in capsys.readouterr().err
    )
