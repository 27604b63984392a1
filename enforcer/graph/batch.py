"""Concurrent writes share a `$batch`, up to 20 in each; so do groups of reads.

The items of a batch are independent: with `dependsOn`, a harmless "not a member" would cancel the revocation
that follows. Graph counts and throttles each item separately, so each is judged and retried separately.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from itertools import batched

import msgspec

from enforcer.concurrency import each
from enforcer.graph.client import GraphClient
from enforcer.graph.priority import Priority
from enforcer.graph.reply import Reply, ReplyKind, Request, no_reply, read_reply

# "Combine multiple HTTP requests using JSON batching": at most 20 in one.
BATCH_SIZE = 20
BATCHES_UNDER_WAY = 16
_READ_AT_ONCE = 4
_LINGER_SECONDS = 0.02


class _Item(msgspec.Struct, omit_defaults=True):
    id: str
    method: str
    url: str
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    body: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Batch(msgspec.Struct):
    requests: list[_Item]


class _ItemReply(msgspec.Struct):
    id: str
    status: int
    headers: dict[str, object] | None = None
    body: msgspec.Raw = msgspec.Raw(b"")

    @property
    def texts(self) -> dict[str, str]:
        """The headers; Graph's gateways write a number now and then."""
        return {name: str(value) for name, value in (self.headers or {}).items()}


class _BatchReply(msgspec.Struct):
    responses: list[_ItemReply]


_REPLIES = msgspec.json.Decoder(_BatchReply)


type Precondition = Callable[[], Awaitable[None]]
"""Checked before a write is sent; what it raises replaces the answer."""


async def no_precondition() -> None:
    """Pass: for writes that depend on nothing."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A write and the future of its answer."""

    request: Request
    precondition: Precondition
    answer: asyncio.Future[Reply] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def is_wanted(self) -> bool:
        return not self.answer.done()

    def settle(self, reply: Reply) -> None:
        if self.is_wanted:
            self.answer.set_result(reply)

    def fail(self, error: BaseException) -> None:
        if self.is_wanted:
            self.answer.set_exception(error)

    async def check_precondition(self) -> None:
        try:
            await self.precondition()
        except Exception as error:  # noqa: BLE001 -- passed on to whoever waits for the answer
            self.fail(error)


class Batcher:
    """Collects concurrent writes and sends them together."""

    def __init__(self, client: GraphClient, *, under_way: int = BATCHES_UNDER_WAY) -> None:
        self._client = client
        self._waiting: deque[_Call] = deque()
        self._slots = asyncio.Semaphore(under_way)
        self._sending: set[asyncio.Task[None]] = set()
        self._gathering = False

    async def write(self, request: Request, precondition: Precondition = no_precondition) -> Reply:
        """Make a write, retrying where that may help; return the last answer, whatever it is.

        Args:
            request: The write.
            precondition: Checked before each attempt, once all waiting is over, until an attempt may have
                taken effect: what was begun is completed.

        Raises:
            UnavailableError: Graph did not answer in time.
            AccessDeniedError: Graph rejects our token (401).
        """

        async def attempt() -> Reply:
            nonlocal precondition
            reply = await self._once(request, precondition)
            if reply.may_have_taken_effect:
                precondition = no_precondition
            return reply

        return await self._client.call_with_retries(attempt)

    async def _once(self, request: Request, precondition: Precondition) -> Reply:
        call = _Call(request, precondition)
        self._waiting.append(call)
        if not self._gathering:
            self._gathering = True
            self._start(self._gather())
        return await call.answer

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _gather(self) -> None:
        """Send the waiting writes as slots become free, with those that arrive meanwhile."""
        try:
            while self._waiting:
                await self._slots.acquire()
                await self._linger()
                count = min(BATCH_SIZE, len(self._waiting))
                self._start(self._deliver([self._waiting.popleft() for _ in range(count)]))
        finally:
            self._gathering = False

    async def _linger(self) -> None:
        """Let a batch fill up while others are in progress; a single write is sent at once."""
        busy = len(self._sending) > 1
        await asyncio.sleep(_LINGER_SECONDS if busy and len(self._waiting) < BATCH_SIZE else 0)

    async def _deliver(self, calls: list[_Call]) -> None:
        try:
            # A write is not sent if nobody waits for its answer any longer.
            if wanted := [call for call in calls if call.is_wanted]:
                await self._attempt(wanted)
        except BaseException as error:  # everyone who waits must get it, whatever it is
            for call in calls:
                call.fail(error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._slots.release()

    async def _attempt(self, calls: list[_Call]) -> None:
        """Wait for Graph, check the preconditions, and send what is still wanted."""
        if (refusal := self._client.refusal()) is not None:
            _settle(calls, [refusal] * len(calls))
            return
        async with self._client.pacer.writing(len(calls)):
            await asyncio.gather(
                *(call.check_precondition() for call in calls if call.precondition is not no_precondition)
            )
            calls = [call for call in calls if call.is_wanted]
            requests = [call.request for call in calls]
            if len(requests) <= 1:
                _settle(calls, [await self._client.send(request) for request in requests])
                return
            reply = await self._client.send(_envelope(requests))
        if reply.ok:
            _settle(calls, _read_items(reply, len(requests)))
        elif reply.kind is ReplyKind.RETRY:
            _settle(calls, [reply] * len(calls))
        else:  # a refusal of the envelope says nothing about its items
            _settle(calls, [await self._client.attempt(request) for request in requests])


async def read_together(client: GraphClient, requests: Sequence[Request]) -> list[Reply]:
    """Make these reads, 20 to a `$batch`, and return their answers in the same order.

    A read that fails within its batch is repeated on its own; that something does not exist is an answer.

    Raises:
        UnavailableError: Graph did not answer in time.
        AccessDeniedError: Graph rejects our token (401).
    """
    batches = list(batched(requests, BATCH_SIZE, strict=False))
    replies = await each(batches, lambda some: _read_batch(client, some), at_once=_READ_AT_ONCE)
    return [reply for some in replies for reply in some]


async def _read_batch(client: GraphClient, requests: Sequence[Request]) -> list[Reply]:
    if len(requests) == 1:
        return [await client.call(requests[0])]
    envelope = _envelope(requests)
    reply = await client.call_with_retries(lambda: client.attempt(envelope, writes=0))
    answers = _read_items(reply, len(requests)) if reply.ok else [reply] * len(requests)
    return [
        answer if answer.ok or answer.not_found else await client.call(request)
        for request, answer in zip(requests, answers, strict=True)
    ]


def _settle(calls: list[_Call], replies: list[Reply]) -> None:
    for call, reply in zip(calls, replies, strict=True):
        call.settle(reply)


def _envelope(requests: Sequence[Request]) -> Request:
    items = [_item(number, request) for number, request in enumerate(requests, start=1)]
    # Each item is throttled separately and therefore has its own priority, too.
    urgent = any(request.priority is Priority.HIGH for request in requests)
    return Request(
        method="POST",
        path="/$batch",
        body=msgspec.json.encode(_Batch(items)),
        priority=Priority.HIGH if urgent else requests[0].priority,
    )


def _item(number: int, request: Request) -> _Item:
    # In a batch, Graph requires every POST to have a body and a Content-Type, even where it needs none alone.
    if request.method == "POST" and not request.body:
        request = replace(request, body=b"{}")
    return _Item(
        id=str(number),
        method=request.method,
        url=request.expanded,
        headers=request.headers,
        body=msgspec.Raw(request.body) if request.body else msgspec.UNSET,
    )


def _read_items(reply: Reply, count: int) -> list[Reply]:
    """Match the items' answers by ID, as they come in any order. A missing one counts as not answered."""
    try:
        found = {item.id: item for item in _REPLIES.decode(reply.body).responses}
    except msgspec.MsgspecError as error:
        return [no_reply(error)] * count
    missing = Reply(status=0, message="missing from the batch's answer")
    return [
        read_reply(item.status, item.texts, bytes(item.body)) if (item := found.get(str(number))) else missing
        for number in range(1, count + 1)
    ]
