"""A library's client that is made anew after a call has hung in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from enforcer.concurrency import bounded

_CLOSING_SECONDS = 5.0


@dataclass(slots=True, eq=False)
class Line[C]:
    """One client, and how many calls are under way on it."""

    client: C
    calls: int = 0
    given_up: bool = False


class Renewable[C]:
    """Returns the client, made at its first use, and another one after it was given up.

    What is stuck in a client's pool would keep every new call waiting, too. One that was given up lives until
    the last of its calls has ended: those that do well are not cut off.

    Args:
        make: Makes a client.
        close: Closes one. That may fail, or never end: then the client is left to itself.
    """

    def __init__(self, make: Callable[[], C], close: Callable[[C], Coroutine[Any, Any, None]]) -> None:
        self._make, self._close = make, close
        self._line: Line[C] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    @contextmanager
    def using(self) -> Iterator[Line[C]]:
        """Return the client for one call."""
        if self._line is None:
            self._line = Line(self._make())
        line = self._line
        line.calls += 1
        try:
            yield line
        finally:
            line.calls -= 1
            if line.given_up and not line.calls:
                self._close_later(line)

    @property
    def clients(self) -> list[C]:
        """The client that is in use, if any."""
        return [self._line.client] if self._line is not None else []

    def give_up(self, line: Line[C]) -> None:
        """Begin no new call on this client."""
        line.given_up = True
        if self._line is line:
            self._line = None

    async def close(self) -> None:
        """Close whatever is open; the next use makes a client anew."""
        line, self._line = self._line, None
        if line is not None:
            await self._closed(line)
        await asyncio.gather(*self._closing)

    def _close_later(self, line: Line[C]) -> None:
        closing = asyncio.create_task(self._closed(line))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _closed(self, line: Line[C]) -> None:
        with suppress(Exception):
            await bounded(self._close(line.client), _CLOSING_SECONDS)
