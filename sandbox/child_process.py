"""Programs that the sandbox starts: each ends when its standard input does, so none outlives its starter."""

import subprocess
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager

import anyio
import anyio.to_thread


def end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Asks a program to end by closing its standard input, and kills it if it has not ended in time."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()


@asynccontextmanager
async def entered_in_a_thread[T](manager: AbstractContextManager[T]) -> AsyncIterator[T]:
    """A blocking context manager for an event loop, which goes on while the block is entered and left."""
    value = await anyio.to_thread.run_sync(manager.__enter__)
    try:
        yield value
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(manager.__exit__, None, None, None)
