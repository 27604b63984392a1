"""Many tasks at a time, but not too many."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from enforcer.concurrency import bounded, each

pytestmark = pytest.mark.anyio


async def test_results_come_in_the_order_of_the_items_whoever_is_done_first() -> None:
    async def work(number: int) -> int:
        for _ in range(10 - number):
            await asyncio.sleep(0)
        return number * number

    assert await each(range(10), work, at_once=10) == [number * number for number in range(10)]


async def test_never_more_are_at_work_than_allowed() -> None:
    at_work, most = 0, 0

    async def work(_: int) -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0)
        at_work -= 1

    await each(range(20), work, at_once=3)
    assert most == 3


async def test_the_first_error_ends_the_work_for_all_and_is_raised_as_it_is() -> None:
    done: list[int] = []

    async def work(number: int) -> None:
        if number == 0:
            raise ZeroDivisionError
        await asyncio.sleep(60)
        done.append(number)

    with pytest.raises(ZeroDivisionError):
        await each(range(5), work, at_once=5)
    assert done == []


async def test_nothing_is_done_for_nobody() -> None:
    async def work(_: int) -> None:
        pytest.fail("there is nobody")

    assert await each([], work, at_once=4) == []


async def test_what_ends_in_time_gives_or_raises_what_it_has() -> None:
    async def work(number: int) -> float:
        return 1 / number

    assert await bounded(work(2), 5) == 0.5
    with pytest.raises(ZeroDivisionError):
        await bounded(work(0), 5)


async def test_nobody_waits_longer_for_work_that_swallows_its_cancellation() -> None:
    end = asyncio.Event()

    async def stubborn() -> None:
        while not end.is_set():
            with suppress(asyncio.CancelledError):
                await end.wait()
        raise ZeroDivisionError  # after everybody has gone: nobody hears of it, and nothing complains

    begun = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError, match=r"not within 0\.05 seconds"):
        await bounded(stubborn(), 0.05)
    assert asyncio.get_running_loop().time() - begun < 2
    end.set()
    await asyncio.sleep(0)


async def test_whoever_is_cancelled_cancels_the_work_and_waits_no_longer() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    waiting = asyncio.create_task(bounded(work(), 60))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(ended.wait(), 5)


async def test_a_library_that_cancels_itself_cancels_nobody_else() -> None:
    async def work() -> None:
        raise asyncio.CancelledError

    with pytest.raises(ConnectionError, match="cancelled"):
        await bounded(work(), 5)
