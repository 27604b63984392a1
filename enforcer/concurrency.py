"""Bounded concurrency and bounded waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

_abandoned: set[asyncio.Task[Any]] = set()


async def each[T, R](items: Iterable[T], work: Callable[[T], Awaitable[R]], *, at_once: int) -> list[R]:
    """Do the work for each item, `at_once` at a time, and return the results in the items' order.

    The first error cancels the rest and is raised unchanged.
    """
    slots = asyncio.Semaphore(at_once)

    async def one(item: T) -> R:
        async with slots:
            return await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(item)) for item in items]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    return [task.result() for task in tasks]


async def bounded[T](work: Coroutine[Any, Any, T], seconds: float) -> T:
    """Return the result of the work, waiting no longer than `seconds` whatever it does.

    `asyncio.timeout` waits until the cancelled work has ended. A library that swallows the cancellation, or
    cleans up behind a shield, would block us forever.

    Raises:
        TimeoutError: It did not finish in time. It is cancelled and abandoned.
        ConnectionError: It was cancelled, although this task was not.
        Whatever the work raises.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        if not task.done():
            abandon(task)
    if not task.done():
        raise TimeoutError(f"not within {seconds:g} seconds")
    if task.cancelled():
        raise ConnectionError("the library cancelled the call")
    return task.result()


def abandon(task: asyncio.Task[Any]) -> None:
    """Cancel a task without waiting for it to end."""
    task.cancel()
    _abandoned.add(task)  # the event loop keeps only a weak reference
    task.add_done_callback(_forget)


def _forget(task: asyncio.Task[Any]) -> None:
    _abandoned.discard(task)
    if not task.cancelled():
        task.exception()  # mark it as retrieved: nobody else will
