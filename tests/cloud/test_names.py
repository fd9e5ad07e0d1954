"""Names and certificates of the local cloud: Route 53 as DNS, Pebble as Let's Encrypt."""

from __future__ import annotations

import contextlib
import os
import signal
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from dnslib import RCODE, DNSRecord

from build.commands.cloud import _status_rows as status_rows
from localcloud.server import control
from tests.cloud.conftest import open_cloud, processes_of
from tests.cloud.ec2_client import Ec2Client, Key, until
from tests.cloud.invoke_runner import INVOKE

pytestmark = pytest.mark.vm


def zone_id(cloud: Ec2Client) -> str:
    (zone,) = cloud.client("route53").list_hosted_zones_by_name(DNSName="example.test")["HostedZones"]
    assert zone["Name"] == "example.test."
    return str(zone["Id"])


def change(cloud: Ec2Client, action: str, name: str, kind: str, *values: str) -> None:
    records = {
        "Name": name,
        "Type": kind,
        "TTL": 10,
        "ResourceRecords": [{"Value": value} for value in values],
    }
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": records}]}
    cloud.client("route53").change_resource_record_sets(HostedZoneId=zone_id(cloud), ChangeBatch=batch)


def ask(cloud: Ec2Client, name: str, kind: str = "A", *, tcp: bool = False) -> DNSRecord:
    address, port = cloud.endpoint.dns
    return DNSRecord.parse(DNSRecord.question(name, kind).send(address, port, tcp=tcp, timeout=5))


def test_what_route_53_holds_is_answered_at_once(cloud: Ec2Client) -> None:
    assert ask(cloud, "hub.example.test").header.rcode == RCODE.NXDOMAIN
    change(cloud, "UPSERT", "hub.example.test", "A", "127.77.1.2")
    for tcp in (False, True):
        reply = ask(cloud, "HUB.example.test", tcp=tcp)
        assert ([str(record.rdata) for record in reply.rr], reply.header.aa) == (["127.77.1.2"], 1)
    assert ask(cloud, "hub.example.test", "AAAA").header.rcode == RCODE.NOERROR
    change(cloud, "DELETE", "hub.example.test", "A", "127.77.1.2")
    assert ask(cloud, "hub.example.test").header.rcode == RCODE.NXDOMAIN


def directory(endpoint: control.Endpoint) -> str:
    """The ACME directory as this host sees it."""
    assert endpoint.acme_directory is not None
    return endpoint.acme_directory.replace("169.254.0.1", "127.0.0.1")


def issue(cloud: Ec2Client, folder: Path, *domains: str) -> Path:
    """A certificate by certbot and its dns-route53, as a hub gets its own; the folder with its files."""
    ca = folder / "ca.pem"
    ca.write_text(cloud.endpoint.acme_ca or "")
    places = [word for name in ("config", "work", "logs") for word in (f"--{name}-dir", str(folder / name))]
    names = [word for name in domains for word in ("-d", name)]
    command = [
        str(Path(sys.executable).with_name("certbot")),
        "certonly",
        "-n",
        "--agree-tos",
        "-m",
        "you@your-university.edu",
        "--dns-route53",
    ]
    environment = {**os.environ, **control.environment(cloud.endpoint), "REQUESTS_CA_BUNDLE": str(ca)}
    done = subprocess.run(
        [*command, "--server", directory(cloud.endpoint), *names, *places],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "config" / "live" / domains[0]


def test_certbot_gets_a_certificate_that_the_shown_root_vouches_for(cloud: Ec2Client, tmp_path: Path) -> None:
    live = issue(cloud, tmp_path, "hub.example.test", "*.hub.example.test")
    roots = tmp_path / "roots.pem"
    roots.write_text(cloud.endpoint.acme_roots or "")
    status = control.status(cloud.folder)
    assert status.roots.read_text() == roots.read_text()
    assert ("root certificate", str(status.roots)) in status_rows(status)
    verify = [
        "openssl",
        "verify",
        "-CAfile",
        str(roots),
        "-untrusted",
        str(live / "chain.pem"),
        str(live / "cert.pem"),
    ]
    done = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    certificate = x509.load_pem_x509_certificate((live / "cert.pem").read_bytes())
    names = certificate.extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    ).value.get_values_for_type(x509.DNSName)
    assert set(names) == {"hub.example.test", "*.hub.example.test"}
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days in (89, 90)
    shown = subprocess.run(
        [INVOKE, "cloud.ca"],
        env={**os.environ, "HUBSMITH_STATE": str(cloud.folder.parent)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert shown.strip() == roots.read_text().strip()
    # certbot has taken its challenge away again.
    assert ask(cloud, "_acme-challenge.hub.example.test", "TXT").header.rcode == RCODE.NXDOMAIN


def test_the_directory_answers_under_every_name_of_its_certificate_and_only_to_its_ca(
    cloud: Ec2Client,
) -> None:
    trusting = ssl.create_default_context(cadata=cloud.endpoint.acme_ca)
    for host in ("127.0.0.1", "localhost"):
        url = directory(cloud.endpoint).replace("127.0.0.1", host)
        with opened(url, trusting) as answer:
            assert b"newOrder" in answer.read()
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        opened(directory(cloud.endpoint), ssl.create_default_context())


def opened(url: str, context: ssl.SSLContext) -> Any:
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    ).open(url, timeout=5)


def test_a_machine_reaches_the_cloud_and_the_directory_under_their_guest_addresses(cloud: Ec2Client) -> None:
    directory_host = (
        (cloud.endpoint.acme_directory or "").removeprefix("https://").removesuffix("/dir").replace(":", " ")
    )
    with cloud.instance() as instance:
        # busybox knows no certificates: that something listens there is what can be asked.
        assert cloud.ssh(instance, f"wget -qO- {cloud.endpoint.guest_url}/hubsmith").startswith('{"pid"')
        assert cloud.ssh(instance, f"nc {directory_host} </dev/null && echo open") == "open\n"


def test_without_pebble_the_cloud_is_up_and_says_what_is_missing(
    tmp_path: Path, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with open_cloud(tmp_path / "cloud", key) as cloud:
        assert (cloud.endpoint.acme_directory, cloud.endpoint.acme_ca, cloud.endpoint.acme_roots) == (
            None,
            None,
            None,
        )
        assert cloud.endpoint.acme_problem == "pebble is not installed; run: apt install pebble"
        assert ask(cloud, "example.test", "SOA").header.rcode == RCODE.NOERROR
        assert ("ACME", f"absent: {cloud.endpoint.acme_problem}") in status_rows(control.status(cloud.folder))


def test_names_ports_and_the_directorys_certificate_outlive_the_server_and_the_root_does_not(
    fresh_cloud: Ec2Client,
) -> None:
    cloud, before = fresh_cloud, fresh_cloud.endpoint
    change(cloud, "UPSERT", "kept.example.test", "A", "127.77.1.2")
    control.down(cloud.folder)
    assert processes_of(cloud.folder) == []
    cloud = Ec2Client(control.ensure_up(cloud.folder, port=0), cloud.folder, cloud.key)
    after = cloud.endpoint
    assert (after.url, after.dns, after.acme_directory, after.acme_ca) == (
        before.url,
        before.dns,
        before.acme_directory,
        before.acme_ca,
    )
    assert after.acme_roots
    assert after.acme_roots != before.acme_roots
    assert before.acme_roots
    assert before.acme_roots.strip() in after.acme_roots, "what was issued before is as good as it was"
    assert zone_id(cloud)  # one, not two
    assert str(ask(cloud, "kept.example.test").rr[0].rdata) == "127.77.1.2"


def pebbles(folder: Path) -> list[int]:
    """Process ids of every Pebble of that cloud."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().split(b"\0")
            if words[0].endswith(b"pebble") and any(str(folder).encode() in word for word in words):
                found.append(int(process.name))
    return found


def test_pebble_does_not_outlive_a_killed_server_and_is_started_again_when_it_dies(
    fresh_cloud: Ec2Client,
) -> None:
    (pebble,) = pebbles(fresh_cloud.folder)
    os.kill(pebble, signal.SIGKILL)
    until(lambda: pebbles(fresh_cloud.folder) not in ([], [pebble]), 15, "another Pebble")
    until(lambda: (found := control.find(fresh_cloud.folder)) and found.acme_roots, 15, "its root")
    found = control.find(fresh_cloud.folder)
    assert found is not None
    assert found.acme_roots != fresh_cloud.endpoint.acme_roots
    os.kill(fresh_cloud.endpoint.pid, signal.SIGKILL)
    until(lambda: not pebbles(fresh_cloud.folder), 5, "the end of Pebble")
    control.ensure_up(fresh_cloud.folder, port=0)
    until(lambda: len(pebbles(fresh_cloud.folder)) == 1, 15, "one Pebble")
