"""How long a call to Graph is retried, and how long to wait between attempts."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

from enforcer.core.exceptions import UnavailableError
from enforcer.graph.pacer import Pacer
from enforcer.graph.reply import Reply

_FIRST_BACK_OFF, _LONGEST_BACK_OFF = 0.5, 20.0
# Throttling without a Retry-After: Conditional Access allows one call a second; elsewhere it is a start.
_SHORTEST_THROTTLED_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """How long a call is retried.

    Attributes:
        failures: Seconds of retrying after errors of the service or network; by default enough for a second
            attempt if Graph never answers the first.
        throttling: Seconds of retrying while Graph asks to wait, which is not a failure.
        call: Seconds for one attempt, including getting a token and waiting for a connection.
    """

    failures: float = 75.0
    throttling: float = 900.0
    call: float = 35.0


class Retries:
    """Keeps a call within its retry budget, and waits between attempts."""

    def __init__(self, retry_budget: RetryBudget) -> None:
        now = asyncio.get_running_loop().time()
        self._failing_until = now + retry_budget.failures
        self._throttled_until = now + retry_budget.throttling
        self._back_off = _FIRST_BACK_OFF

    async def wait(self, reply: Reply, pacer: Pacer) -> None:
        """Wait as long as Graph asked, or with a growing back-off.

        Raises:
            UnavailableError: The retry budget is used up.
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
        least = _SHORTEST_THROTTLED_PAUSE if throttled else 0.0
        return max(least, self._back_off / 2 * random.uniform(0.5, 1.5))  # noqa: S311
