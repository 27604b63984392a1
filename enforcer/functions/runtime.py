"""What the functions share: the settings, and the services of the worker's one event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import cache

from enforcer.core.exceptions import EnforcerError, RunError, SettingsError
from enforcer.core.settings import Settings, load_settings
from enforcer.graph.pacer import Pacer
from enforcer.services import Services, open_services
from enforcer.telemetry.emitting import flush

# host.json stops a function after 30 minutes. A sweep begins nobody new in the last five of them, so that it
# ends by itself, records what it did and asks for a follow-up.
FUNCTION_TIMEOUT_SECONDS = 30 * 60
SWEEP_SECONDS = FUNCTION_TIMEOUT_SECONDS - 5 * 60

# One for the process: Graph's quota is the app's, whichever function asks.
pacer = Pacer()


class PerLoop[S, T]:
    """Something with connections, opened at the first use and kept: none of them outlives its event loop.

    Args:
        opening: Opens the connections.
        make: Makes of them what `get` returns.
    """

    def __init__(self, opening: Callable[[], AbstractAsyncContextManager[S]], make: Callable[[S], T]) -> None:
        self._opening, self._make = opening, make
        self._opened: dict[asyncio.AbstractEventLoop, tuple[AsyncExitStack, T]] = {}

    async def get(self) -> T:
        """Return the one of the running loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._opened:
            stack = AsyncExitStack()
            self._opened[loop] = (stack, self._make(await stack.enter_async_context(self._opening())))
        return self._opened[loop][1]

    async def close(self) -> None:
        """Close the one of the running loop; for hosts that stop in an orderly way, such as tests."""
        found = self._opened.pop(asyncio.get_running_loop(), None)
        if found is not None:
            await found[0].aclose()


@cache
def settings() -> Settings:
    """Read the settings once.

    Raises:
        SettingsError: Names every wrong setting. Raised while the app is indexed, it stops the start.
    """
    return load_settings(os.environ)


def _as_they_are(opened: Services) -> Services:
    return opened


services = PerLoop(lambda: open_services(settings(), pacer=pacer), _as_they_are)


@asynccontextmanager
async def invocation() -> AsyncIterator[Services]:
    """Yield the services to one invocation, then export its telemetry: the instance may go away.

    Raises:
        RunError: Replaces this project's errors: the platform logs the text of what a function raises, and
            theirs may quote names and addresses.
    """
    try:
        yield await services.get()
    except SettingsError:
        raise
    except EnforcerError as error:
        raise RunError(f"{type(error).__name__}: see the run's row, if it has one") from None
    finally:
        await flush()
