"""Gathered reads: concurrent lookups share a read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping


class GatheredReads[V]:
    """Looks keys up, as many at a time as there are, up to `most`.

    No lookup is answered from a read that began before it: the answer is as new as that of a read of its own.
    If a read fails, every lookup in it gets the error.
    """

    def __init__(self, read: Callable[[list[str]], Awaitable[Mapping[str, V]]], *, most: int) -> None:
        self._read, self._most = read, most
        self._waiting: list[tuple[str, asyncio.Future[V | None]]] = []
        self._reader: asyncio.Task[None] | None = None

    async def get(self, key: str) -> V | None:
        """Return the value under the key, or None."""
        answer: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, answer))
        if self._reader is None:
            self._reader = asyncio.create_task(self._read_all())
        return await answer

    async def _read_all(self) -> None:
        try:
            while self._waiting:
                taken, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._read_some(taken)
        finally:
            self._reader = None

    async def _read_some(self, taken: list[tuple[str, asyncio.Future[V | None]]]) -> None:
        waiting = [(key, answer) for key, answer in taken if not answer.done()]
        try:
            found = await self._read([key for key, _ in waiting])
        except Exception as error:  # noqa: BLE001 -- handed on to everybody who waits for this reading
            for _, answer in waiting:
                if not answer.done():
                    answer.set_exception(error)
        else:
            for key, answer in waiting:
                if not answer.done():
                    answer.set_result(found.get(key))
