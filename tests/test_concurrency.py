"""Many at the same time, but not too many."""

from __future__ import annotations

import asyncio

import pytest

from enforcer.concurrency import each

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
