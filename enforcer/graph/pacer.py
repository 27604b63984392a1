"""One pacer for the whole process keeps it below Graph's write quota and makes every worker wait together."""

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
    """Lets at most `writes` writes into any `window` seconds, and nothing while Graph has asked to wait.

    A write counts from when it is sent until `window` seconds after its answer came: whatever the network
    does, Graph never sees more than the quota in a window of its own.
    """

    def __init__(self, writes: int = WRITES, window: float = WINDOW_SECONDS) -> None:
        self._writes, self._window = writes, window
        self._in_flight = 0
        self._answered: deque[tuple[float, int]] = deque()
        self._answered_count = 0
        self._resume_at = 0.0
        self._changed = asyncio.Event()

    def pause(self, seconds: float) -> None:
        """Make everybody wait: Graph asked one of us to."""
        self._resume_at = max(self._resume_at, _now() + seconds)

    def pause_left(self) -> float:
        """Return the seconds for which Graph has asked everybody to wait from now on."""
        return max(0.0, self._resume_at - _now())

    async def ready(self) -> None:
        """Wait until Graph may be called at all."""
        while (wait := self.pause_left()) > 0:  # noqa: ASYNC110 -- it is a time, not an event
            # Not all in the same instant: that would be the next burst.
            await asyncio.sleep(wait + random.uniform(0, min(0.1, wait / 10)))  # noqa: S311

    @asynccontextmanager
    async def writing(self, count: int) -> AsyncIterator[None]:
        """Wait for room for `count` writes, and hold it while they are under way."""
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
