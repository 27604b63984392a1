"""Many at the same time, but not too many."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable


async def each[T, R](items: Iterable[T], work: Callable[[T], Awaitable[R]], *, at_once: int) -> list[R]:
    """Do the work for each item, `at_once` at a time, and give the results in the items' order.

    The first error ends the work for all the others and is raised as it is.
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
