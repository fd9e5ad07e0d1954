"""A launched hub as its operator and users have it; what one test finds out is kept for later ones."""

from __future__ import annotations

import json
import shlex
import socket
import ssl
from dataclasses import dataclass, field
from typing import Any

from hub_client import HubClient, HubUser

from tests.cloud.invoke_runner import Done, InvokeRunner


@dataclass
class GoldenHub:
    """The hub ``domain`` of the golden image; ``roots`` (PEM) sign its certificates."""

    runner: InvokeRunner
    domain: str
    roots: str
    before: dict[str, list[str]]
    document: dict[str, Any] = field(default_factory=dict)
    people: dict[str, HubUser] = field(default_factory=dict)
    uids: str = ""
    serial: str = ""

    @property
    def url(self) -> str:
        return f"https://{self.domain}"

    @property
    def address(self) -> str:
        return str(self.document["address"])

    @property
    def launching(self) -> list[str]:
        """The command that launches it."""
        return [
            "launch",
            "--domain",
            self.domain,
            "--admin",
            "alice",
            "--email",
            "you@your-university.edu",
            "--data-size",
            "4",
        ]

    def launch(self, *more: str) -> None:
        """Launch it and keep the document."""
        done = self.runner.invoke(*self.launching, *more, "--json", timeout_s=4500)
        assert done.status == 0, done.err[-5000:]
        self.document = json.loads(done.out)

    def invoke(self, task: str, *more: str, timeout_s: float = 1800) -> Done:
        """A task for the hub; it must succeed."""
        done = self.runner.invoke(task, "--domain", self.domain, *more, timeout_s=timeout_s)
        assert done.status == 0, done.err[-5000:]
        return done

    def parts(self, *more: str) -> dict[str, dict[str, Any]]:
        """What `status` says, part by part; it ends with 1 where a part is not well."""
        done = self.runner.invoke("status", "--domain", self.domain, "--json", *more, timeout_s=1800)
        assert done.out, done.err[-5000:]
        return {part["name"]: part for part in json.loads(done.out)}

    def parameters(self) -> list[str]:
        """The hub's, by the last part of their names."""
        pages = (
            self.runner.client("ssm")
            .get_paginator("get_parameters_by_path")
            .paginate(Path=f"/hubsmith/hubs/{self.domain}")
        )
        return [parameter["Name"].rpartition("/")[2] for page in pages for parameter in page["Parameters"]]

    def on_the_machine(self, command: str) -> str:
        """What a command says there, as root."""
        return self.invoke("ssh", "--command", f"sudo -n sh -c {shlex.quote(command)}").out.strip()

    def context(self) -> ssl.SSLContext:
        """Trusts the cloud's ACME roots and nobody else."""
        return ssl.create_default_context(cadata=self.roots)

    def browser_session(self, timeout_s: float = 600) -> HubClient:
        """A session of somebody who trusts those roots."""
        return HubClient(self.url, self.context(), timeout_s=timeout_s)

    def served_serial(self) -> str:
        """Of the certificate on 443, verified for its name."""
        with (
            socket.create_connection((self.address, 443), 30) as plain,
            self.context().wrap_socket(plain, server_hostname=self.domain) as tls,
        ):
            return str((tls.getpeercert() or {})["serialNumber"])
