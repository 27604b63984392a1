"""Servers on the loopback interface: nothing in the sandbox can be reached from other machines."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

LOOPBACK: Final = "127.0.0.1"


@asynccontextmanager
async def listening(runner: web.BaseRunner, port: int = 0) -> AsyncIterator[str]:
    """Serve on a port (0: a free one) while the block runs; yield the URL, without a trailing slash."""
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, port).start()
        yield f"http://{LOOPBACK}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
