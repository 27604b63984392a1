"""A proxy to Azurite that breaks chosen calls, before or after they take effect, for tests of reliability.

A shared key signs the path but not the host, so the account's own key works through the proxy.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, StrEnum
from io import BytesIO
from typing import Final

import aiohttp
import msgspec
from aiohttp import web
from anyio.from_thread import start_blocking_portal
from yarl import URL

from sandbox.azurite import StorageEndpoints
from sandbox.loopback import listening

_HOP_BY_HOP: Final = frozenset({"connection", "host", "keep-alive", "transfer-encoding"})
# What aiohttp would add by itself; a shared key signs some of them.
_AUTOMATIC: Final = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
_MESSAGE: Final = "A fault of the sandbox."


class Service(StrEnum):
    BLOB = "blob"
    QUEUE = "queue"
    TABLE = "table"


class Moment(Enum):
    """When a fault strikes: before the call reaches storage, or after it took effect there."""

    BEFORE = "before"
    AFTER = "after"


class Reply(Enum):
    """What the caller gets instead of storage's answer: a status and an error code of Azure Storage."""

    SERVER_BUSY = (503, "ServerBusy")
    TIMED_OUT = (500, "OperationTimedOut")
    CONDITION_NOT_MET = (412, "UpdateConditionNotSatisfied")
    REFUSED = (403, "AuthorizationPermissionMismatch")
    BAD_GATEWAY = (502, "BadGateway")
    DROPPED = (0, "")  # no reply, the connection breaks
    TRUNCATED = (-1, "")  # half of the storage's own answer, for faults after the effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call as the proxy received it. `path` is as sent, without the account's name."""

    service: Service
    method: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Selects calls; `path` is a regular expression, searched for in path and query."""

    service: Service | None = None
    method: str | None = None
    path: str = ""

    def __contains__(self, call: Call) -> bool:
        return (
            self.service in {None, call.service}
            and self.method in {None, call.method}
            and re.search(self.path, call.path) is not None
        )


ALL_CALLS: Final = Calls()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to `times` calls from the `nth` on, counted from when the fault was set.

    First the `delay`, then `act`, which may for instance kill the caller (an awaitable result is awaited),
    then the `reply`; without one the call proceeds as usual.
    """

    calls: Calls = ALL_CALLS
    nth: int = 1
    times: int = 1
    moment: Moment = Moment.BEFORE
    delay: timedelta = timedelta(0)
    act: Callable[[], object] | None = None
    reply: Reply | None = None


@dataclass(slots=True)
class _Armed:
    fault: Fault
    seen: int = 0

    def strikes(self, call: Call) -> bool:
        if call not in self.fault.calls:
            return False
        self.seen += 1
        return self.fault.nth <= self.seen < self.fault.nth + self.fault.times


class StorageProxy:
    """The three services at the proxy's addresses. `calls` holds every call, oldest first."""

    def __init__(self, upstream: StorageEndpoints, session: aiohttp.ClientSession) -> None:
        self.endpoints = upstream
        self.calls: list[Call] = []
        self._upstream = upstream
        self._session = session
        self._armed: list[_Armed] = []

    def set_fault(self, fault: Fault) -> None:
        self._armed.append(_Armed(fault))

    def clear(self) -> None:
        """Forget faults and calls."""
        self._armed.clear()
        self.calls.clear()

    def count(self, calls: Calls = ALL_CALLS) -> int:
        return sum(call in calls for call in tuple(self.calls))

    async def open(self, exit_stack: AsyncExitStack) -> None:
        urls = [await self._listen(service, exit_stack) for service in Service]
        self.endpoints = StorageEndpoints(blob_url=urls[0], queue_url=urls[1], table_url=urls[2])

    async def _listen(self, service: Service, exit_stack: AsyncExitStack) -> str:
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            return await self._handle(service, request)

        runner = web.ServerRunner(web.Server(handle), shutdown_timeout=1)
        url = await exit_stack.enter_async_context(listening(runner))
        return f"{url}/{self._upstream.account}"

    async def _handle(self, service: Service, request: web.BaseRequest) -> web.StreamResponse:
        path = request.raw_path.removeprefix(f"/{self._upstream.account}")
        call = Call(service=service, method=request.method, path=path)
        self.calls.append(call)
        body = await request.content.read()
        faults = [armed.fault for armed in tuple(self._armed) if armed.strikes(call)]
        replies = [await _strike(fault) for fault in faults if fault.moment is Moment.BEFORE]
        real = None if any(replies) else await self._forward(service, request, body)
        replies += [await _strike(fault) for fault in faults if fault.moment is Moment.AFTER]
        reply = next(filter(None, replies), None)
        if real is not None and reply is Reply.TRUNCATED:
            return await _truncated(request, real)
        if real is not None and reply is None:
            return real
        return _error(service, request, reply or Reply.DROPPED)

    async def _forward(self, service: Service, request: web.BaseRequest, body: bytes) -> web.Response:
        addresses = {
            Service.BLOB: self._upstream.blob_url,
            Service.QUEUE: self._upstream.queue_url,
            Service.TABLE: self._upstream.table_url,
        }
        async with self._session.request(
            request.method,
            URL(
                addresses[service].removesuffix(f"/{self._upstream.account}") + request.raw_path, encoded=True
            ),
            headers={
                name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP
            },
            skip_auto_headers=_AUTOMATIC,
            data=BytesIO(body) if body else None,
        ) as answer:
            response = web.Response(status=answer.status, reason=answer.reason, body=await answer.read())
            response.headers.popall("Content-Type", None)
            for name, value in answer.headers.items():
                if name.lower() not in _HOP_BY_HOP:
                    response.headers.add(name, value)
            return response


@asynccontextmanager
async def running_storage_proxy_async(upstream: StorageEndpoints) -> AsyncIterator[StorageProxy]:
    """Run a proxy while the block runs: the code under test gets `proxy.endpoints.connection_string`."""
    connector = aiohttp.TCPConnector(limit=0)
    async with AsyncExitStack() as exit_stack:
        session = await exit_stack.enter_async_context(
            aiohttp.ClientSession(connector=connector, auto_decompress=False)
        )
        proxy = StorageProxy(upstream, session)
        await proxy.open(exit_stack)
        yield proxy


@contextmanager
def running_storage_proxy(upstream: StorageEndpoints) -> Iterator[StorageProxy]:
    """The same for code without an event loop: the proxy runs in a thread."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(running_storage_proxy_async(upstream)) as proxy,
    ):
        yield proxy


async def _strike(fault: Fault) -> Reply | None:
    await asyncio.sleep(fault.delay.total_seconds())
    acting = fault.act() if fault.act is not None else None
    if isinstance(acting, Awaitable):
        await acting
    return fault.reply


async def _truncated(request: web.BaseRequest, real: web.Response) -> web.StreamResponse:
    """Send half of an answer whose header announces all of it, and break the connection."""
    body = real.body if isinstance(real.body, bytes) else b""
    half = web.StreamResponse(status=real.status, headers=real.headers)
    half.content_length = len(body)
    await half.prepare(request)
    await half.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return half


def _error(service: Service, request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    status, code = reply.value
    if reply is Reply.DROPPED:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()
    headers = {"x-ms-error-code": code}
    if service is Service.TABLE:
        error = {"odata.error": {"code": code, "message": {"lang": "en-US", "value": _MESSAGE}}}
        body = msgspec.json.encode(error)
        return web.Response(status=status, headers=headers, body=body, content_type="application/json")
    text = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{_MESSAGE}</Message></Error>'
    return web.Response(status=status, headers=headers, text=text, content_type="application/xml")
