"""Programs that the sandbox starts: each exits when its standard input closes, and so with its parent."""

import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any

import anyio
import anyio.to_thread


@contextmanager
def running(
    command: Sequence[str], *, stop_seconds: float, **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program while the block runs; when the block ends, the program has some time to exit.

    Args:
        command: The program and its arguments.
        stop_seconds: How long it may take to exit before it is killed.
        options: Further options of `subprocess.Popen`.
    """
    with subprocess.Popen(  # noqa: S603 -- our own arguments
        command,
        stdin=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the parent, which stops the program when it is ready to
        **options,
    ) as process:
        try:
            yield process
        finally:
            _end(process, stop_seconds)


def _end(process: subprocess.Popen[bytes], seconds: float) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()


@asynccontextmanager
async def entered_in_a_thread[T](manager: AbstractContextManager[T]) -> AsyncIterator[T]:
    """Enter and leave a blocking context manager without blocking the event loop."""
    value = await anyio.to_thread.run_sync(manager.__enter__)
    try:
        yield value
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(manager.__exit__, None, None, None)
