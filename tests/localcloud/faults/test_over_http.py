"""Faults as a client meets them: the control endpoint, and what the services answer then."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from moto.ec2.models import ec2_backends
from moto.route53.models import route53_backends
from werkzeug.serving import make_server
from werkzeug.test import Client

from build.errors import UserError
from localcloud.ec2.host import Host
from localcloud.ec2.install import install
from localcloud.ec2.pace import Pace
from localcloud.faults import client as control
from localcloud.server import wsgi
from localcloud.server.wsgi import CloudApp, QuietHandler
from tests.http_server import answering

VERSION = {"Version": "2016-11-15"}


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    host.open()
    install(host)
    yield host
    host.close()
    for backends in (ec2_backends, route53_backends):
        for account in backends.values():
            account.clear()


@pytest.fixture
def client(host: Host) -> Client:
    return Client(CloudApp(host, lambda: {"pid": 1}))


@pytest.fixture
def url(host: Host) -> Iterator[str]:
    """The same over a real socket."""
    app = CloudApp(host, lambda: {"pid": 1})
    with answering(make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)) as server:
        yield f"http://127.0.0.1:{server.port}"


def signed(service: str) -> dict[str, str]:
    scope = (
        f"AWS4-HMAC-SHA256 Credential=test/20261123/us-east-1/{service}/aws4_request, SignedHeaders=host, "
        "Signature=0"
    )
    return {"Authorization": scope}


def ec2(client: Client, **form: str) -> Any:
    return client.post("/", data={**form, **VERSION}, headers=signed("ec2"))


def text(response: Any, name: str) -> str | None:
    return ElementTree.fromstring(response.text).findtext(f".//{{*}}{name}")


def put(client: Client, *faults: dict[str, Any]) -> None:
    response = client.post("/hubsmith/faults", json=list(faults))
    assert response.status_code == 200, response.text


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("RequestLimitExceeded", 503),
        ("InternalError", 500),
        ("InsufficientInstanceCapacity", 500),
        ("UnauthorizedOperation", 403),
    ],
)
def test_a_call_is_answered_with_the_error_and_changes_nothing(
    client: Client, code: str, status: int
) -> None:
    before = len(ElementTree.fromstring(ec2(client, Action="DescribeVpcs").text).findall(".//{*}vpcId"))
    put(client, {"kind": "error", "call": "CreateVpc", "code": code, "times": 1})
    response = ec2(client, Action="CreateVpc", CidrBlock="10.9.0.0/16")
    assert (response.status_code, text(response, "Code")) == (status, code)
    assert (
        len(ElementTree.fromstring(ec2(client, Action="DescribeVpcs").text).findall(".//{*}vpcId")) == before
    )
    assert ec2(client, Action="CreateVpc", CidrBlock="10.9.0.0/16").status_code == 200


def test_a_rest_service_is_met_by_its_actions_names_and_answers_in_its_shape(client: Client) -> None:
    put(client, {"kind": "error", "call": "route53:ListHostedZones", "code": "Throttling", "times": 1})
    response = client.get("/2013-04-01/hostedzone", headers=signed("route53"))
    assert (response.status_code, text(response, "Code")) == (400, "Throttling")
    assert client.get("/2013-04-01/hostedzone", headers=signed("route53")).status_code == 200


def test_route53s_changes_stay_pending(client: Client) -> None:
    change = "/2013-04-01/change/C2682N5HXP0BZ4"
    put(client, {"kind": "route53-pending"})
    assert text(client.get(change, headers=signed("route53")), "Status") == "PENDING"
    client.delete("/hubsmith/faults")
    assert text(client.get(change, headers=signed("route53")), "Status") == "INSYNC"


def test_a_change_of_records_is_pending_for_a_moment(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wsgi, "ROUTE53_S", 3600)
    change = "/2013-04-01/change/C2682N5HXP0BZ4"
    assert text(client.get(change, headers=signed("route53")), "Status") == "INSYNC"
    zone = (
        "<CreateHostedZoneRequest><Name>example.test</Name>"
        "<CallerReference>1</CallerReference></CreateHostedZoneRequest>"
    )
    made = client.post("/2013-04-01/hostedzone", data=zone, headers=signed("route53"))
    record = (
        "<ChangeResourceRecordSetsRequest><ChangeBatch><Changes><Change><Action>UPSERT</Action>"
        "<ResourceRecordSet><Name>a.example.test</Name><Type>A</Type><TTL>60</TTL><ResourceRecords>"
        "<ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>"
        "</Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
    )
    zone_id = (text(made, "Id") or "").rpartition("/")[2]
    done = client.post(f"/2013-04-01/hostedzone/{zone_id}/rrset", data=record, headers=signed("route53"))
    assert text(done, "Status") == "PENDING"
    assert text(client.get(change, headers=signed("route53")), "Status") == "PENDING"
    monkeypatch.setattr(wsgi, "ROUTE53_S", 0)
    assert text(client.get(change, headers=signed("route53")), "Status") == "INSYNC"


def test_new_resources_are_left_out_and_not_found_for_a_while(client: Client) -> None:
    put(client, {"kind": "hide", "resource": "*", "seconds": 3600})
    group = (
        text(ec2(client, Action="CreateSecurityGroup", GroupName="new", GroupDescription="new"), "groupId")
        or ""
    )
    assert (
        text(ec2(client, Action="DescribeSecurityGroups", **{"GroupId.1": group}), "Code")
        == "InvalidGroup.NotFound"
    )
    assert group not in ec2(client, Action="DescribeSecurityGroups").text
    tag = {"ResourceType": "volume", "Tag.1.Key": "a", "Tag.1.Value": "b"}
    tags = {f"TagSpecification.1.{name}": value for name, value in tag.items()}
    volume = (
        text(ec2(client, Action="CreateVolume", Size="1", AvailabilityZone="us-east-1a", **tags), "volumeId")
        or ""
    )
    assert (
        text(ec2(client, Action="DescribeVolumes", **{"VolumeId.1": volume}), "Code")
        == "InvalidVolume.NotFound"
    )
    assert volume not in ec2(client, Action="DescribeTags").text
    assert volume not in ec2(client, Action="DescribeVolumes").text
    client.delete("/hubsmith/faults")
    assert group in ec2(client, Action="DescribeSecurityGroups").text
    assert volume in ec2(client, Action="DescribeVolumes").text
    assert volume in ec2(client, Action="DescribeTags").text


def test_a_volume_takes_its_time(client: Client) -> None:
    put(client, {"kind": "state", "change": "volume", "seconds": 3600})
    assert (
        text(ec2(client, Action="CreateVolume", Size="1", AvailabilityZone="us-east-1a"), "status")
        == "creating"
    )
    client.delete("/hubsmith/faults")
    assert text(ec2(client, Action="DescribeVolumes"), "status") == "available"


def test_a_snapshot_takes_its_time_and_the_call_does_not(client: Client, host: Host) -> None:
    """As on EC2: the point in time is fixed when it answers, the copy goes on."""
    host.pace = Pace(0, 0, 0)
    volume = (
        text(ec2(client, Action="CreateVolume", Size="1", AvailabilityZone="us-east-1a"), "volumeId") or ""
    )
    put(client, {"kind": "state", "change": "snapshot", "seconds": 3600})
    began = time.monotonic()
    assert text(ec2(client, Action="CreateSnapshot", VolumeId=volume), "status") == "pending"
    assert time.monotonic() - began < 5
    assert text(ec2(client, Action="DescribeSnapshots"), "status") == "pending"
    client.delete("/hubsmith/faults")
    assert text(ec2(client, Action="DescribeSnapshots"), "status") == "completed"


@pytest.mark.parametrize(("code", "done"), [("ConnectionReset", False), ("AnswerLost", True)])
def test_a_connection_is_reset_before_or_after_the_call(
    client: Client, url: str, code: str, done: bool
) -> None:
    control.add(url, [{"kind": "error", "call": "*", "code": code, "times": 1}])
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        body = b"Action=AllocateAddress&Domain=vpc&Version=2016-11-15"
        head = (
            f"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: {signed('ec2')['Authorization']}\r\n"
            f"Content-Length: {len(body)}\r\n"
        )
        connection.sendall(head.encode() + b"Content-Type: application/x-www-form-urlencoded\r\n\r\n" + body)
        with pytest.raises(ConnectionResetError):
            connection.recv(100)
    assert ("eipalloc-" in ec2(client, Action="DescribeAddresses").text) is done


def test_the_client_lists_sets_and_clears(client: Client, url: str) -> None:
    control.add_profile(url, "throttled")
    there = control.add(url, [{"kind": "acme-refuse"}])
    assert [(fault["number"], fault["kind"], fault["left"]) for fault in there["faults"]] == [
        (1, "error", 5),
        (2, "acme-refuse", None),
    ]
    assert [fault["number"] for fault in control.clear(url, "1")["faults"]] == [2]
    with pytest.raises(UserError, match="there is no fault 1"):
        control.clear(url, "1")
    with pytest.raises(UserError, match="unknown profile"):
        control.add_profile(url, "like-azure")
    with pytest.raises(UserError, match="i-0 is not running"):
        control.machine(url, "i-0", "kill")
    assert control.clear(url) == {"faults": [], "frozen": []}


def test_a_web_page_cannot_set_one(client: Client) -> None:
    """What a page may send without asking first is never application/json."""
    response = client.post("/hubsmith/faults", data='[{"kind": "acme-refuse"}]', content_type="text/plain")
    assert response.status_code == 400
    assert client.get("/hubsmith/faults").json == {"faults": [], "frozen": []}
