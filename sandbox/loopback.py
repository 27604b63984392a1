"""Servers on the loopback interface: nothing that the sandbox serves can be reached from elsewhere."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

LOOPBACK: Final = "127.0.0.1"


@asynccontextmanager
async def listening(runner: web.BaseRunner, port: int = 0) -> AsyncIterator[str]:
    """Serve on a port (0: a free one) while the block runs; gives the URL, without a slash at its end."""
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, port).start()
        yield f"http://{LOOPBACK}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
