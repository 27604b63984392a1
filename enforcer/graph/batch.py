"""Writes that happen at the same time travel together, up to 20 in one `$batch`; so do many reads.

The items of a batch are independent: with `dependsOn`, a harmless "not a member" would cancel the revocation
that follows. Graph counts and throttles each item by itself, so each is judged and repeated by itself.
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
"""Raises whatever whoever asked for the write is to get instead of its answer."""


async def no_precondition() -> None:
    """For writes that depend on nothing."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A write for whose answer somebody waits."""

    request: Request
    look: Precondition
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

    async def look_once_more(self) -> None:
        try:
            await self.look()
        except Exception as error:  # noqa: BLE001 -- handed on to whoever waits for the answer
            self.fail(error)


class Batcher:
    """Gathers writes that are asked for at the same time, and sends them together."""

    def __init__(self, client: GraphClient, *, under_way: int = BATCHES_UNDER_WAY) -> None:
        self._client = client
        self._waiting: deque[_Call] = deque()
        self._slots = asyncio.Semaphore(under_way)
        self._sending: set[asyncio.Task[None]] = set()
        self._gathering = False

    async def write(self, request: Request, look: Precondition = no_precondition) -> Reply:
        """Make one write, again where that may help; give the last answer, whatever it is.

        Args:
            request: The write.
            look: Is taken before each attempt, when all waiting is over, until one may have taken effect:
                what was begun is brought to its end.

        Raises:
            UnavailableError: Graph did not answer in time.
            AccessDeniedError: Graph does not know us (401).
        """

        async def attempt() -> Reply:
            nonlocal look
            reply = await self._once(request, look)
            if reply.may_have_taken_effect:
                look = no_precondition
            return reply

        return await self._client.call_with_retries(attempt)

    async def _once(self, request: Request, look: Precondition) -> Reply:
        call = _Call(request, look)
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
        """Send what waits, as soon as there is a slot; what comes meanwhile goes along."""
        try:
            while self._waiting:
                await self._slots.acquire()
                await self._linger()
                count = min(BATCH_SIZE, len(self._waiting))
                self._start(self._deliver([self._waiting.popleft() for _ in range(count)]))
        finally:
            self._gathering = False

    async def _linger(self) -> None:
        """Let a batch fill up while others are under way; whoever comes alone goes at once."""
        busy = len(self._sending) > 1
        await asyncio.sleep(_LINGER_SECONDS if busy and len(self._waiting) < BATCH_SIZE else 0)

    async def _deliver(self, taken: list[_Call]) -> None:
        try:
            # Whoever does not wait any more does not want it any more, either.
            if calls := [call for call in taken if call.is_wanted]:
                await self._attempt(calls)
        except BaseException as error:  # whoever waits must hear of it, whatever it is
            for call in taken:
                call.fail(error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._slots.release()

    async def _attempt(self, calls: list[_Call]) -> None:
        """Wait for Graph, look whether all are still wanted, and send."""
        if (refusal := self._client.refusal()) is not None:
            _settle(calls, [refusal] * len(calls))
            return
        async with self._client.pacer.writing(len(calls)):
            await asyncio.gather(
                *(call.look_once_more() for call in calls if call.look is not no_precondition)
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
        else:  # a refusal of the envelope says nothing about what is in it
            _settle(calls, [await self._client.attempt(request) for request in requests])


async def read_together(client: GraphClient, requests: Sequence[Request]) -> list[Reply]:
    """Make these reads, 20 to a `$batch`, and return their answers in the same order.

    What is not answered for good within its batch is asked for again by itself.

    Raises:
        UnavailableError: Graph did not answer in time.
        AccessDeniedError: Graph does not know us (401).
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
        answer if answer.ok else await client.call(request)
        for request, answer in zip(requests, answers, strict=True)
    ]


def _settle(calls: list[_Call], replies: list[Reply]) -> None:
    for call, reply in zip(calls, replies, strict=True):
        call.settle(reply)


def _envelope(requests: Sequence[Request]) -> Request:
    items = [_item(number, request) for number, request in enumerate(requests, start=1)]
    # Each item is counted and throttled by itself, and so has a priority of its own.
    urgent = any(request.priority is Priority.HIGH for request in requests)
    return Request(
        method="POST",
        path="/$batch",
        body=msgspec.json.encode(_Batch(items)),
        priority=Priority.HIGH if urgent else requests[0].priority,
    )


def _item(number: int, request: Request) -> _Item:
    # In a batch, Graph refuses a POST without a body and its Content-Type, even where it takes none alone.
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
    """Match the items' answers by id; they may come in any order. A missing one is no answer."""
    try:
        found = {item.id: item for item in _REPLIES.decode(reply.body).responses}
    except msgspec.MsgspecError as error:
        return [no_reply(error)] * count
    missing = Reply(status=0, message="the batch's answer lacks it")
    return [
        read_reply(item.status, item.texts, bytes(item.body)) if (item := found.get(str(number))) else missing
        for number in range(1, count + 1)
    ]
