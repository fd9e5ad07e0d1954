"""Pebble's life.

It dies with the server (setpriv has the kernel see to that); an orphan is found by its pid file all the same.

Pebble forgets its root and every account when it ends, so the root is asked of it after each start. The roots
of before are kept beside it: a hub keeps its certificate over `cloud.down` and `cloud.up`, and it is as good
as it was.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import ssl
import subprocess
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from localcloud.acme import certificates
from localcloud.machine.qemu import process
from localcloud.ports import ADDRESS, Ports

_log = logging.getLogger("hubsmith.localcloud.acme")

READY_S, END_S, AGAIN_S = 15.0, 5.0, 1.0
LIFETIME_S = 90 * 86400  # of what it issues: Let's Encrypt's own
ROOTS_KEPT = 20
# No artificial waits, no refused nonces, no authorization taken from an earlier order. A PEBBLE_… variable of
# `invoke cloud.up` wins.
BEHAVIOUR = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
NOT_INSTALLED = "pebble is not installed; run: apt install pebble"


@dataclass(frozen=True)
class Acme:
    """What somebody who wants a certificate has to know."""

    port: int
    ca: str  # PEM; checks the https of the directory
    roots: str  # PEM, the newest first; checks what it issues, and what it issued before it was last started


class Pebble:
    """The ACME server of one cloud; a thread starts it, and again when it ends by itself."""

    def __init__(self, cloud: Path, ports: Ports, dns_port: int) -> None:
        self.folder = cloud / "acme"
        self._ports = ports
        self._dns_port = dns_port
        self._process: subprocess.Popen[bytes] | None = None
        self._acme: Acme | None = None
        self._looked = threading.Event()
        self._stopping = threading.Event()
        # The kernel ends Pebble with the thread that started it: this one lives as long as the server.
        self._thread = threading.Thread(target=self._run, name="acme", daemon=True)

    def start(self) -> None:
        """Start it, in the background."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        end_orphan(self.folder.parent)
        self._thread.start()

    def wait_ready(self) -> None:
        """Wait until it answers, or is known not to."""
        self._looked.wait(READY_S)

    def stop(self) -> None:
        """End it."""
        self._stopping.set()
        if self._process is not None:
            self._process.terminate()
        self._thread.join(END_S)
        end_orphan(self.folder.parent)

    @property
    def acme(self) -> Acme | None:
        """Where it is; None while it is not up."""
        return self._acme

    @property
    def problem(self) -> str | None:
        """Why there is no ACME server; None when there is one."""
        if self._acme is not None:
            return None
        return (
            NOT_INSTALLED
            if shutil.which("pebble") is None
            else f"pebble does not answer; see {self.folder / 'pebble.log'}"
        )

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._live()
            except FileNotFoundError:
                _log.warning("there will be no certificates: %s", NOT_INSTALLED)
                return
            except Exception:
                _log.exception("unexpected")
            finally:
                self._acme = None
                self._looked.set()
            self._stopping.wait(AGAIN_S)

    def _live(self) -> None:
        """From one start to its end."""
        if shutil.which("pebble") is None:
            raise FileNotFoundError("pebble")
        files = certificates.ensure(self.folder)
        port, management = self._ports.choose("acme"), self._ports.choose("acme-management")
        self._process = child = self._spawn(files, port, management)
        (self.folder / "pebble.pid").write_text(str(child.pid), encoding="ascii")
        roots = self._ask_roots(files, management)
        if roots:
            self._acme = Acme(
                port, files.ca.read_text(encoding="ascii"), keep_roots(self.folder / "roots.pem", roots)
            )
        self._looked.set()
        if self._stopping.is_set():
            child.terminate()
        status = child.wait()
        if not self._stopping.is_set():
            _log.warning("pebble ended with status %s; starting it again, with a new root", status)

    def _spawn(
        self, files: certificates.CertificateFiles, port: int, management: int
    ) -> subprocess.Popen[bytes]:
        config = {
            "listenAddress": f"{ADDRESS}:{port}",
            "managementListenAddress": f"{ADDRESS}:{management}",
            "certificate": str(files.certificate),
            "privateKey": str(files.key),
            "httpPort": 80,
            "tlsPort": 443,
            "certificateValidityPeriod": LIFETIME_S,
            # newer releases
            "profiles": {"default": {"description": "as Let's Encrypt has it", "validityPeriod": LIFETIME_S}},
        }
        place = self.folder / "pebble.json"
        place.write_text(json.dumps({"pebble": config}, indent=2), encoding="utf-8")
        asked = {name: value for name, value in os.environ.items() if name.startswith("PEBBLE_")}
        command = [
            "setpriv",
            "--pdeathsig",
            "KILL",
            "pebble",
            "-config",
            str(place),
            "-dnsserver",
            f"{ADDRESS}:{self._dns_port}",
        ]
        with (self.folder / "pebble.log").open("wb") as log:
            return subprocess.Popen(
                command,
                env={**os.environ, **BEHAVIOUR, **asked},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _ask_roots(self, files: certificates.CertificateFiles, management: int) -> str | None:
        """The root it issues from, as soon as it answers; None when it does not."""
        context = ssl.create_default_context(cafile=str(files.ca))
        # No proxy: it is this host's own loopback.
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
            try:
                with opener.open(f"https://{ADDRESS}:{management}/roots/0", timeout=5) as answer:
                    return bytes(answer.read()).decode("ascii")
            except OSError:
                if self._stopping.wait(0.05):
                    break
        return None


def keep_roots(path: Path, newest: str) -> str:
    """Put the newest root before those of earlier starts, as many as are kept; return them all (PEM)."""
    before = path.read_text(encoding="ascii") if path.exists() else ""
    known = dict.fromkeys(found.group() for found in _CERTIFICATE.finditer(f"{newest}\n{before}"))
    kept = "\n".join(list(known)[:ROOTS_KEPT]) + "\n"
    path.write_text(kept, encoding="ascii")
    return kept


def end_orphan(cloud: Path) -> None:
    """End the Pebble of a server that was killed."""
    pid_file, config = cloud / "acme" / "pebble.pid", cloud / "acme" / "pebble.json"
    process.kill(pid_file, named_by=config)
    process.wait_ended(pid_file, END_S, named_by=config)
    pid_file.unlink(missing_ok=True)
