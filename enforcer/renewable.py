"""A library's client that is replaced after a call has hung in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from enforcer.concurrency import bounded

_CLOSING_SECONDS = 5.0


@dataclass(slots=True, eq=False)
class Handle[C]:
    """A client and the number of calls in progress on it."""

    client: C
    calls: int = 0
    retired: bool = False


class Renewable[C]:
    """Provides a client, created on first use, and a new one after it was retired.

    A stuck connection in a client's pool would block every new call, too. A retired client lives until its
    last call has ended, so that healthy calls are not cut off.

    Args:
        make: Creates a client.
        close: Closes a client. It may fail or hang: then the client is abandoned.
    """

    def __init__(self, make: Callable[[], C], close: Callable[[C], Coroutine[Any, Any, None]]) -> None:
        self._make, self._close = make, close
        self._current: Handle[C] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    @contextmanager
    def using(self) -> Iterator[Handle[C]]:
        """Provide the client for one call."""
        if self._current is None:
            self._current = Handle(self._make())
        handle = self._current
        handle.calls += 1
        try:
            yield handle
        finally:
            handle.calls -= 1
            if handle.retired and not handle.calls:
                self._close_later(handle)

    @property
    def clients(self) -> list[C]:
        """The client in use, if any."""
        return [self._current.client] if self._current is not None else []

    def retire(self, handle: Handle[C]) -> None:
        """Start no new call on this client."""
        handle.retired = True
        if self._current is handle:
            self._current = None

    async def close(self) -> None:
        """Close whatever is open; the next use creates a new client."""
        handle, self._current = self._current, None
        if handle is not None:
            await self._close_now(handle)
        await asyncio.gather(*self._closing)

    def _close_later(self, handle: Handle[C]) -> None:
        closing = asyncio.create_task(self._close_now(handle))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _close_now(self, handle: Handle[C]) -> None:
        with suppress(Exception):
            await bounded(self._close(handle.client), _CLOSING_SECONDS)
