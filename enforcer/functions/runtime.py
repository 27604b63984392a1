"""What the functions share: the settings, and the services of the worker's one event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache

from enforcer.graph.pacer import Pacer
from enforcer.services import Services, open_services
from enforcer.settings import Settings, load_settings
from enforcer.telemetry import flush

# host.json stops a function after 30 minutes; a sweep takes nobody new for the last five of them, so that
# it ends by itself, records what it did and asks for a follow-up.
FUNCTION_TIMEOUT_SECONDS = 30 * 60
SWEEP_SECONDS = FUNCTION_TIMEOUT_SECONDS - 5 * 60

# One for the process: Graph's quota is the app's, whichever function asks.
pacer = Pacer()

_opened: dict[asyncio.AbstractEventLoop, tuple[AsyncExitStack, Services]] = {}


@cache
def settings() -> Settings:
    """Read the settings once.

    Raises:
        SettingsError: Names every wrong setting; raised while the app is indexed, it stops the start.
    """
    return load_settings(os.environ)


async def services() -> Services:
    """Give the services of the running loop, opened once and kept: no client outlives its loop."""
    loop = asyncio.get_running_loop()
    if loop not in _opened:
        stack = AsyncExitStack()
        opened = await stack.enter_async_context(open_services(settings(), pacer=pacer))
        _opened[loop] = (stack, opened)
    return _opened[loop][1]


@asynccontextmanager
async def invocation() -> AsyncIterator[Services]:
    """Give the services to one invocation; in the end, export what it told: the instance may go away."""
    try:
        yield await services()
    finally:
        await flush()


async def close() -> None:
    """Close what the running loop has opened; for hosts that stop in an orderly way, such as tests."""
    found = _opened.pop(asyncio.get_running_loop(), None)
    if found is not None:
        await found[0].aclose()
