"""Writes that happen at the same time travel together: up to 20 in one `$batch`.

The items of a batch are independent: with `dependsOn`, a harmless "not a member" would cancel the revocation
that follows. Graph counts and throttles each item by itself, so each is judged and repeated by itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine

import msgspec

from enforcer.graph.client import GraphClient
from enforcer.graph.reply import Reply, ReplyKind, Request, no_reply, read_reply

# "Combine multiple HTTP requests using JSON batching": at most 20 in one.
BATCH_SIZE = 20
BATCHES_UNDER_WAY = 16
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


class Batcher:
    """Gathers writes that are asked for at the same time, and sends them together."""

    def __init__(self, client: GraphClient, *, under_way: int = BATCHES_UNDER_WAY) -> None:
        self._client = client
        self._waiting: deque[tuple[Request, asyncio.Future[Reply]]] = deque()
        self._slots = asyncio.Semaphore(under_way)
        self._sending: set[asyncio.Task[None]] = set()
        self._gathering = False

    async def write(self, request: Request) -> Reply:
        """Make one write, again where that may help; give the last answer, whatever it is.

        Raises:
            UnavailableError: Graph did not answer in time.
            AccessDeniedError: Graph does not know us (401).
        """
        return await self._client.persist(lambda: self._once(request))

    async def _once(self, request: Request) -> Reply:
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, answer))
        if not self._gathering:
            self._gathering = True
            self._start(self._gather())
        return await answer

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

    async def _deliver(self, taken: list[tuple[Request, asyncio.Future[Reply]]]) -> None:
        # What nobody waits for any more is not sent.
        calls = [(request, answer) for request, answer in taken if not answer.done()]
        try:
            replies = await self._send([request for request, _ in calls])
            for (_, answer), reply in zip(calls, replies, strict=True):
                if not answer.done():
                    answer.set_result(reply)
        except BaseException as error:  # whoever waits must hear of it, whatever it is
            for _, answer in calls:
                if not answer.done():
                    answer.set_exception(error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._slots.release()

    async def _send(self, requests: list[Request]) -> list[Reply]:
        if len(requests) <= 1:
            return [await self._client.attempt(request) for request in requests]
        envelope = Request(method="POST", path="/$batch", body=_encode(requests))
        reply = await self._client.attempt(envelope, writes=len(requests))
        if reply.ok:
            return _read_items(reply, len(requests))
        if reply.kind is ReplyKind.RETRY:
            return [reply] * len(requests)
        # A refusal of the envelope says nothing about what is in it.
        return [await self._client.attempt(request) for request in requests]


def _encode(requests: list[Request]) -> bytes:
    return msgspec.json.encode(_Batch([_item(number, call) for number, call in enumerate(requests, start=1)]))


def _item(number: int, request: Request) -> _Item:
    # In a batch, Graph refuses a POST without a body and its Content-Type, even where it takes none alone.
    body = request.body or (b"{}" if request.method == "POST" else b"")
    return _Item(
        id=str(number),
        method=request.method,
        url=request.expanded,
        headers={"Content-Type": "application/json"} if body else {},
        body=msgspec.Raw(body) if body else msgspec.UNSET,
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
