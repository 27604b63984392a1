"""How long a call to Graph is tried again, and how long each attempt waits for the next."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

from enforcer.core.exceptions import UnavailableError
from enforcer.graph.pacer import Pacer
from enforcer.graph.reply import Reply

_FIRST_BACK_OFF, _LONGEST_BACK_OFF = 0.5, 20.0
# Without a Retry-After, Conditional Access alone means "one a second"; for the rest a second is a start.
_THROTTLED_WITHOUT_WORD = 1.0


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """How long one call is tried again.

    Attributes:
        failures: Seconds to go on after errors of the service or the network; by default long enough for a
            second attempt where Graph never answered the first.
        throttling: Seconds to go on while Graph asks to wait: that is nobody's failure.
        call: Seconds for one attempt, with its token and its wait for a connection.
    """

    failures: float = 75.0
    throttling: float = 900.0
    call: float = 35.0


class Retries:
    """Counts the time that one call has been tried, and waits before the next attempt."""

    def __init__(self, retry_budget: RetryBudget) -> None:
        now = asyncio.get_running_loop().time()
        self._failing_until = now + retry_budget.failures
        self._throttled_until = now + retry_budget.throttling
        self._back_off = _FIRST_BACK_OFF

    async def wait(self, reply: Reply, pacer: Pacer) -> None:
        """Wait as long as Graph asked, or a growing while.

        Raises:
            UnavailableError: It has been long enough.
        """
        throttled = reply.throttled or reply.retry_after is not None
        pause = self._pause(reply, throttled=throttled)
        until = self._throttled_until if throttled else self._failing_until
        if throttled:
            pacer.pause(pause)
        if asyncio.get_running_loop().time() + pause > until:
            raise UnavailableError(reply.explanation)
        await asyncio.sleep(pause)

    def _pause(self, reply: Reply, *, throttled: bool) -> float:
        if reply.retry_after:
            return reply.retry_after
        self._back_off = min(self._back_off * 2, _LONGEST_BACK_OFF)
        least = _THROTTLED_WITHOUT_WORD if throttled else 0.0
        return max(least, self._back_off / 2 * random.uniform(0.5, 1.5))  # noqa: S311
