"""Feeds a queue function from its queue as the Storage Queues extension does."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from sandbox.host.configuration import Function
from sandbox.host.functions_host import FunctionsHost
from sandbox.host.storage import put_message
from sandbox.host.triggers import QueueItem

POISON: Final = "-poison"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often an empty queue is polled, and for how long a message is leased.

    Azure polls every 0.1 to 60 s and leases for 10 minutes; then the message of a crashed host reappears.
    While the function runs, the lease is renewed at half time. In whole seconds.
    """

    poll: timedelta = timedelta(seconds=0.2)
    lease: timedelta = timedelta(minutes=10)


@dataclass(slots=True, kw_only=True)
class _Held:
    """A message that the host has leased, as it was in the queue."""

    item: QueueItem
    content: str
    receipt: str


class QueueListener:
    """Processes a queue until stopped; messages in progress are still finished."""

    def __init__(
        self, host: FunctionsHost, function: Function, queue: QueueClient, poison: QueueClient | None
    ) -> None:
        self._host = host
        self._function = function
        self._queue = queue
        self._poison = poison
        self._options = host.configuration.extensions.queues
        self._running: set[asyncio.Task[None]] = set()
        self._stopped = asyncio.Event()

    @classmethod
    async def open(cls, host: FunctionsHost, function: Function) -> "QueueListener":
        """Open a function's queue, and its poison queue unless it is one itself.

        Raises:
            HostError: the connection or a setting in the queue's name is unknown.
        """
        queue = await host.queues.bound(function, function.trigger)
        if queue.queue_name.endswith(POISON):
            return cls(host, function, queue, None)
        return cls(host, function, queue, await host.queues.bound(function, function.trigger, POISON))

    def stop(self) -> None:
        self._stopped.set()

    async def run(self, pace: Pace) -> None:
        while not self._stopped.is_set():
            messages = await self._receive(pace)
            for message in messages:
                task = asyncio.create_task(self._process(message, pace))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            if messages:
                await self._room_for_a_batch()
            else:
                await _set_within(self._stopped, pace.poll)
        await asyncio.gather(*self._running)

    async def _receive(self, pace: Pace) -> list[QueueMessage]:
        received = self._queue.receive_messages(
            messages_per_page=self._options.batch_size, visibility_timeout=_seconds(pace.lease), retry_total=0
        )
        try:
            async for page in received.by_page():
                return [message async for message in page]
        except ResourceNotFoundError:
            return []  # whoever writes to the queue creates it
        except AzureError as error:
            _log.warning("queue %s cannot be read: %s", self._queue.queue_name, error)
        return []

    async def _room_for_a_batch(self) -> None:
        while len(self._running) > self._options.threshold:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    async def _process(self, message: QueueMessage, pace: Pace) -> None:
        held = self._hold(message)
        try:
            await self._work_off(held, pace)
        except AzureError as error:
            # The message comes back when its lease ends, as after a crash.
            _log.warning("message %s of %s: %s", held.item.id, self._queue.queue_name, error)

    def _hold(self, message: QueueMessage) -> _Held:
        content, now = str(message.content), datetime.now(UTC)
        item = QueueItem(
            text=content,
            id=message.id,
            pop_receipt=message.pop_receipt or "",
            dequeue_count=message.dequeue_count or 0,
            inserted_on=message.inserted_on or now,
            expires_on=message.expires_on or now,
            next_visible_on=message.next_visible_on or now,
        )
        return _Held(item=item, content=content, receipt=item.pop_receipt)

    async def _work_off(self, held: _Held, pace: Pace) -> None:
        try:
            text = self._host.queues.decode(held.content)
        except ValueError:
            _log.warning("message %s of %s is not base64", held.item.id, self._queue.queue_name)
            await self._give_up(held)  # without an attempt
            return
        attempt, most = held.item.dequeue_count, self._options.max_dequeue_count
        if attempt > most and self._poison is not None:  # the host died over it the last time
            await self._give_up(held)
        elif await self._call(held, text, pace):
            await self._delete(held)
        elif attempt >= most:
            await self._give_up(held)
        else:
            await self._release(held)

    async def _call(self, held: _Held, text: str, pace: Pace) -> bool:
        async with self._renewed(held, pace):
            invocation = await self._host.queue_item(self._function.name, replace(held.item, text=text))
        return invocation.succeeded

    @asynccontextmanager
    async def _renewed(self, held: _Held, pace: Pace) -> AsyncIterator[None]:
        done = asyncio.Event()
        renewal = asyncio.create_task(self._renew(held, pace, done))
        try:
            yield
        finally:
            done.set()
            await renewal

    async def _renew(self, held: _Held, pace: Pace, done: asyncio.Event) -> None:
        while not await _set_within(done, pace.lease / 2):
            try:
                renewed = await self._queue.update_message(
                    held.item.id, held.receipt, visibility_timeout=_seconds(pace.lease)
                )
            except AzureError as error:
                _log.warning("the lease on message %s cannot be renewed: %s", held.item.id, error)
            else:
                held.receipt = renewed.pop_receipt or ""

    async def _give_up(self, held: _Held) -> None:
        """Move a message to the poison queue. In a poison queue it stays, invisible until its lease ends."""
        if self._poison is not None:
            _log.warning("message %s is moved to %s", held.item.id, self._poison.queue_name)
            await put_message(self._poison, held.content)
            await self._delete(held)

    async def _release(self, held: _Held) -> None:
        """Make a failed message visible again. In a poison queue, it reappears when its lease ends."""
        after = _seconds(self._options.retry_after)
        if self._poison is not None:
            with suppress(ResourceNotFoundError):  # another host has leased it
                await self._queue.update_message(held.item.id, held.receipt, visibility_timeout=after)

    async def _delete(self, held: _Held) -> None:
        with suppress(ResourceNotFoundError):  # another host has leased it
            await self._queue.delete_message(held.item.id, held.receipt)


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())


async def _set_within(event: asyncio.Event, span: timedelta) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(span.total_seconds()):
            await event.wait()
    return event.is_set()
