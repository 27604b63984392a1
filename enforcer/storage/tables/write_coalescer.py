"""Group commit: concurrent writes are combined."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable


class WriteCoalescer[T]:
    """Writes items in the order in which they came, as many at a time as there are, up to `most`.

    `add` returns when its items are durable. Where a write fails, every `add` with an item in it raises the
    error.

    Args:
        write: Makes the items durable, all or none.
        most: How many items one write takes.
        under_way: How many writes there may be at the same time. With more than one they may end in another
            order: add an item only when the one that it must follow is durable.
    """

    def __init__(self, write: Callable[[list[T]], Awaitable[None]], *, most: int, under_way: int = 1) -> None:
        self._write, self._most, self._under_way = write, most, under_way
        self._waiting: deque[tuple[list[T], asyncio.Future[None]]] = deque()
        self._count = 0
        self._writers: set[asyncio.Task[None]] = set()

    async def add(self, items: list[T]) -> None:
        """Write these items: all in one write, unless there are more than `most` of them."""
        chunks = [items[start : start + self._most] for start in range(0, len(items), self._most)]
        durable = [self._queue(chunk) for chunk in chunks]
        for failure in await asyncio.gather(*durable, return_exceptions=True):
            if failure is not None:
                raise failure

    def _queue(self, items: list[T]) -> asyncio.Future[None]:
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((items, durable))
        self._count += len(items)
        # One more writer only for a full write: fewer and fuller ones cost less.
        if not self._writers or (self._count >= self._most and len(self._writers) < self._under_way):
            self._writers.add(asyncio.create_task(self._write_all()))
        return durable

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                await self._write_some(self._take())
        finally:
            self._writers.difference_update({asyncio.current_task()})

    def _take(self) -> list[tuple[list[T], asyncio.Future[None]]]:
        taken: list[tuple[list[T], asyncio.Future[None]]] = []
        room = self._most
        while self._waiting and len(self._waiting[0][0]) <= room:
            taken.append(self._waiting.popleft())
            room -= len(taken[-1][0])
        self._count -= self._most - room
        return taken

    async def _write_some(self, taken: list[tuple[list[T], asyncio.Future[None]]]) -> None:
        try:
            await self._write([item for items, _ in taken for item in items])
        except Exception as error:  # noqa: BLE001 -- handed on to everybody who waits for this write
            for _, durable in taken:
                if not durable.done():
                    durable.set_exception(error)
        else:
            for _, durable in taken:
                if not durable.done():
                    durable.set_result(None)
