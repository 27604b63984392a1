"""Group commit: what many ask for at the same time is written together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class GroupCommit[T]:
    """Writes items in the order in which they came, as many at a time as there are, up to `most`.

    Whoever calls `add` goes on when his item is durable; when the write fails, he and everybody whose
    items were in it get the error.
    """

    def __init__(self, write: Callable[[list[T]], Awaitable[None]], *, most: int) -> None:
        self._write, self._most = write, most
        self._waiting: list[tuple[list[T], asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def add(self, items: list[T]) -> None:
        """Write these items, none of them apart from the others unless they are more than `most`."""
        if not items:
            return
        for start in range(0, len(items), self._most):
            await self._add(items[start : start + self._most])

    async def _add(self, items: list[T]) -> None:
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((items, durable))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_all())
        await durable

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                await self._write_some(self._take())
        finally:
            self._writer = None

    def _take(self) -> list[tuple[list[T], asyncio.Future[None]]]:
        taken: list[tuple[list[T], asyncio.Future[None]]] = []
        count = 0
        while self._waiting and count + len(self._waiting[0][0]) <= self._most:
            taken.append(self._waiting.pop(0))
            count += len(taken[-1][0])
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
