"""Waiting until Entra ID and Azure have heard of what was just created.

A new identity reaches all of Entra's servers within minutes; until then the same call fails that succeeds
afterwards (microsoftgraph/msgraph-bicep-types issue 193).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from enforcer.core.exceptions import EnforcerError
from enforcer.deployment.hands import Hands


class NotReadyError(EnforcerError):
    """Something does not know yet what was just created."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to repeat a call, and how long to wait in between; both in seconds."""

    seconds: float = 600.0
    pause: float = 15.0

    async def repeat[T](self, hands: Hands, attempt: Callable[[], Awaitable[T]]) -> T:
        """Repeat a call until it is understood, saying so once.

        Raises:
            NotReadyError: The time is up.
        """
        clock = asyncio.get_running_loop().time
        until, told = clock() + self.seconds, False
        while True:
            try:
                return await attempt()
            except NotReadyError as error:
                if clock() + self.pause > until:
                    raise
                if not told:
                    hands.say(f"waiting up to {self.seconds / 60:.0f} minutes: {error}")
                    told = True
                await asyncio.sleep(self.pause)
