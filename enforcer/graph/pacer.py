"""Keeps the whole process below Graph's write quota, and makes all workers pause together."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

# Identity and access service, for an app and tenant together ("Microsoft Graph service-specific throttling
# limits"): 3,000 write requests in 150 seconds.
WRITES = 3_000
WINDOW_SECONDS = 150.0


class Pacer:
    """Allows at most `writes` writes in any `window` seconds, and none while Graph has asked for a pause.

    A write counts from sending until `window` seconds after its answer: whatever the network does, Graph
    never sees more than the quota in any window of its own.
    """

    def __init__(self, writes: int = WRITES, window: float = WINDOW_SECONDS) -> None:
        self._writes, self._window = writes, window
        self._in_flight = 0
        self._answered: deque[tuple[float, int]] = deque()
        self._answered_count = 0
        self._resume_at = 0.0
        self._changed = asyncio.Event()

    def pause(self, seconds: float) -> None:
        """Make every caller wait, because Graph asked one of them to."""
        self._resume_at = max(self._resume_at, _now() + seconds)

    def pause_left(self) -> float:
        """Return the remaining seconds of the pause that Graph has asked for."""
        return max(0.0, self._resume_at - _now())

    async def ready(self) -> None:
        """Wait until the pause is over."""
        while (wait := self.pause_left()) > 0:  # noqa: ASYNC110 -- it is a time, not an event
            # Spread out, lest all resume in the same instant as the next burst.
            await asyncio.sleep(wait + random.uniform(0, min(0.1, wait / 10)))  # noqa: S311

    @asynccontextmanager
    async def writing(self, count: int) -> AsyncIterator[None]:
        """Wait for room for `count` writes, and reserve it while they are in progress."""
        await self._enter(count)
        try:
            yield
        finally:
            self._in_flight -= count
            self._answered.append((_now() + self._window, count))
            self._answered_count += count
            self._changed.set()

    async def _enter(self, count: int) -> None:
        while True:
            await self.ready()
            self._forget_old()
            if self._in_flight + self._answered_count + count <= self._writes:
                self._in_flight += count
                return
            await self._wait_for_room()

    def _forget_old(self) -> None:
        while self._answered and self._answered[0][0] <= _now():
            self._answered_count -= self._answered.popleft()[1]

    async def _wait_for_room(self) -> None:
        self._changed.clear()
        until_next = self._answered[0][0] - _now() if self._answered else self._window
        try:
            async with asyncio.timeout(max(until_next, 0.001)):
                await self._changed.wait()
        except TimeoutError:
            return


def _now() -> float:
    return asyncio.get_running_loop().time()
