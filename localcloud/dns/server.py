"""The sockets: UDP and TCP on one port of loopback, a thread for each query."""

from __future__ import annotations

import logging
import socketserver
import struct
import threading
from collections.abc import Callable, Sequence
from typing import Any

from dnslib import DNSError, DNSRecord

from localcloud.dns.answers import answer, largest_datagram, truncated
from localcloud.dns.zones import Zone

_log = logging.getLogger("hubsmith.localcloud.dns")

IDLE_S = 10.0  # a TCP connection on which nothing is asked

Zones = Callable[[], Sequence[Zone]]


class DnsServer:
    """Answers from zones(), which is asked for every query."""

    def __init__(self, address: str, port: int, zones: Zones) -> None:
        """Listen; raises OSError when the port is taken, over UDP or TCP."""
        self._servers: list[_Udp | _Tcp] = [_Udp((address, port), _OverUdp)]
        try:
            self._servers.append(_Tcp((address, port), _OverTcp))
        except OSError:
            self._servers[0].server_close()
            raise
        self.address, self.port = address, port
        for server in self._servers:
            server.zones = zones

    def start(self) -> None:
        """Begin to answer."""
        for server in self._servers:
            threading.Thread(
                target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="dns", daemon=True
            ).start()

    def stop(self) -> None:
        """Answer no more and free the port."""
        for server in self._servers:
            server.shutdown()
            server.server_close()


class _Udp(socketserver.ThreadingUDPServer):
    # No allow_reuse_address: over UDP it would let a second server listen on the same port.
    daemon_threads = True
    zones: Zones


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    zones: Zones


class _OverUdp(socketserver.BaseRequestHandler):
    server: _Udp

    def handle(self) -> None:
        data, socket = self.request
        if (query := _parsed(data)) is None:
            return
        reply = _reply(query, self.server.zones)
        wire = reply.pack()
        if len(wire) > largest_datagram(query):
            wire = truncated(reply).pack()
        socket.sendto(wire, self.client_address)


class _OverTcp(socketserver.StreamRequestHandler):
    """Queries one after the other, each with its length before it (RFC 7766)."""

    timeout = IDLE_S
    server: _Tcp

    def handle(self) -> None:
        try:
            while length := self.rfile.read(2):
                query = _parsed(self.rfile.read(struct.unpack("!H", length)[0]))
                if query is None:
                    return
                wire = _reply(query, self.server.zones).pack()
                self.wfile.write(struct.pack("!H", len(wire)) + wire)
        except (OSError, struct.error):  # the asker has gone, or sends half a length
            return


def _parsed(data: bytes) -> Any:  # noqa: ANN401  # DNSRecord: dnslib has no annotations
    """The query, or None for what is not one: answering rubbish would make two servers talk for ever."""
    try:
        query = DNSRecord.parse(data)
    except (DNSError, ValueError, UnicodeError, IndexError):
        return None
    return None if query.header.qr else query


def _reply(query: DNSRecord, zones: Zones) -> DNSRecord:
    try:
        return answer(query, zones())
    except Exception:
        _log.exception("%s", query.q)
        failed = query.reply(ra=0, aa=0)
        failed.header.rcode = 2  # SERVFAIL
        return failed
