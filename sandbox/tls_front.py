"""A TLS proxy, since Graph and storage speak TLS, that breaks exchanges where a test wants it to."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from urllib.parse import urlsplit

from sandbox.certificates import Certificate
from sandbox.loopback import LOOPBACK

_END = b"\r\n\r\n"
_CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
_DRIP_SECONDS = 0.05


class Cut(Enum):
    """How an exchange is broken. Only with `AFTER` and `WITHIN` does the request take effect."""

    BEFORE = auto()
    """The connection breaks before the server gets the request."""
    AFTER = auto()
    """It breaks before the first byte of the answer."""
    WITHIN = auto()
    """It breaks in the middle of the answer."""
    SILENCE = auto()
    """No answer ever comes, and the connection stays open."""
    DRIP = auto()
    """An endless answer, a byte at a time."""
    HALF_A_CHUNK = auto()
    """An answer whose first chunk is never completed."""
    NOISE = auto()
    """The answer is not HTTP."""


@dataclass(slots=True)
class Fault:
    """Strikes the next exchanges whose request line matches; the first `skip` of them pass."""

    request: str
    cut: Cut
    times: int = 1
    skip: int = 0


@dataclass(slots=True)
class TlsFront:
    """A front that listens.

    Attributes:
        url: Its URL, without a trailing slash.
        upstream: The URL of the server behind it; plain HTTP.
        faults: The first that matches an exchange strikes it.
        requests: The request lines received, oldest first.
        protocols: What the connections negotiated; HTTP/2 is offered.
    """

    url: str
    upstream: str = ""
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    protocols: list[str | None] = field(default_factory=list)

    def strike(self, request: str, cut: Cut, *, times: int = 1, skip: int = 0) -> None:
        """Break the next exchanges whose request line matches."""
        self.faults.append(Fault(request, cut, times, skip))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until one side closes it."""
        agreed = writer.get_extra_info("ssl_object").selected_alpn_protocol()
        self.protocols.append(agreed)
        try:
            with suppress(OSError, EOFError, ValueError):
                while await self._exchange(await _message(reader), writer):
                    pass
        finally:
            writer.transport.abort()

    async def _exchange(self, request: bytes, writer: asyncio.StreamWriter) -> bool:
        """Serve one exchange; return False if the connection is to break."""
        line = request.partition(b"\r\n")[0].decode()
        self.requests.append(line)
        cut = self._struck(line)
        if cut is Cut.BEFORE:
            return False
        if cut in (None, Cut.AFTER, Cut.WITHIN):
            answer = await self._forwarded(request)
            writer.write(answer if cut is None else answer[: len(answer) // 2] if cut is Cut.WITHIN else b"")
            await writer.drain()
            return cut is None
        await _keep_waiting(cut, writer)
        return False

    def _struck(self, line: str) -> Cut | None:
        for fault in self.faults:
            if not fault.times or not re.search(fault.request, line):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            fault.times -= 1
            return fault.cut
        return None

    async def _forwarded(self, request: bytes) -> bytes:
        upstream = urlsplit(self.upstream)
        reader, writer = await asyncio.open_connection(upstream.hostname, upstream.port)
        try:
            writer.write(request)
            head = await reader.readuntil(_END)
            bodiless = head.split()[1] in (b"204", b"304")
            return head if bodiless else head + await _body(head, reader)
        finally:
            writer.close()


async def _keep_waiting(cut: Cut, writer: asyncio.StreamWriter) -> None:
    """Wait for the client to give up."""
    if cut is Cut.NOISE:
        writer.write(b"\x16\x03noise" + _END)
        await writer.drain()
        return
    if cut is Cut.HALF_A_CHUNK:
        writer.write(_CHUNKED + b"400\r\n{")
    if cut is Cut.DRIP:
        writer.write(_CHUNKED)
    while not writer.is_closing():
        if cut is Cut.DRIP:
            writer.write(b"1\r\n \r\n")
            await writer.drain()
        await asyncio.sleep(_DRIP_SECONDS)


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(_END)
    return head + await _body(head, reader)


async def _body(head: bytes, reader: asyncio.StreamReader) -> bytes:
    headers = head.lower()
    if b"\r\ntransfer-encoding: chunked" in headers:
        return await _chunks(reader)
    length = re.search(rb"\r\ncontent-length: *(\d+)", headers)
    return await reader.readexactly(int(length[1])) if length else b""


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while True:
        size = await reader.readuntil(b"\r\n")
        chunk = await reader.readexactly(int(size, 16) + 2)
        body += size + chunk
        if int(size, 16) == 0:
            return body


@asynccontextmanager
async def running_tls_front(certificate: Certificate, upstream: str = "") -> AsyncIterator[TlsFront]:
    """Run a front on a free port while the block runs; `upstream` may be set later."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate, certificate.key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    front = TlsFront(url="", upstream=upstream)
    connections: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(front.serve(reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(accept, LOOPBACK, 0, ssl=context)
    front.url = f"https://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
    try:
        yield front
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        server.abort_clients()
        await server.wait_closed()
