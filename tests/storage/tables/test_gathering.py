"""Gathered reads: few readings, and every answer as new as if it had been read alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from enforcer.core.exceptions import UnavailableError
from enforcer.storage.tables.gathering import GatheredReads

pytestmark = pytest.mark.anyio


class Shelf:
    """What is read: `stock` may change while a reading waits at `door`."""

    def __init__(self, **stock: int) -> None:
        self.stock = dict(stock)
        self.readings: list[list[str]] = []
        self.begun, self.door = asyncio.Event(), asyncio.Event()
        self.door.set()

    async def read(self, keys: list[str]) -> Mapping[str, int]:
        self.readings.append(keys)
        found = {key: self.stock[key] for key in keys if key in self.stock}
        self.begun.set()
        await self.door.wait()
        return found


async def test_who_asks_at_the_same_time_is_answered_from_one_reading() -> None:
    shelf = Shelf(a=1, b=2)
    reads = GatheredReads(shelf.read, most=100)

    answers = await asyncio.gather(*(reads.get(key) for key in ("a", "b", "missing")))

    assert answers == [1, 2, None]
    assert shelf.readings == [["a", "b", "missing"]]


async def test_no_reading_is_larger_than_the_most() -> None:
    shelf = Shelf(a=1, b=2, c=3)
    reads = GatheredReads(shelf.read, most=2)

    assert await asyncio.gather(*(reads.get(key) for key in "abc")) == [1, 2, 3]
    assert shelf.readings == [["a", "b"], ["c"]]


async def test_no_lookup_is_answered_from_a_read_that_began_before_it() -> None:
    shelf = Shelf(a=1)
    shelf.door.clear()
    reads = GatheredReads(shelf.read, most=100)
    earlier = asyncio.create_task(reads.get("a"))
    await shelf.begun.wait()

    shelf.stock["a"] = 2
    later = asyncio.create_task(reads.get("a"))
    await asyncio.sleep(0)
    shelf.door.set()

    assert (await earlier, await later) == (1, 2)


async def test_a_failed_read_fails_all_its_lookups_and_the_next_read_works() -> None:
    calls = 0

    async def read(keys: list[str]) -> Mapping[str, int]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise UnavailableError("storage did not answer")
        return dict.fromkeys(keys, 1)

    reads = GatheredReads(read, most=2)
    answers = await asyncio.gather(*(reads.get(key) for key in "abc"), return_exceptions=True)

    assert [type(answer) for answer in answers] == [UnavailableError, UnavailableError, int]


async def test_a_cancelled_lookup_keeps_no_other_from_its_answer() -> None:
    shelf = Shelf(a=1, b=2)
    shelf.door.clear()
    reads = GatheredReads(shelf.read, most=100)
    hasty, patient = asyncio.create_task(reads.get("a")), asyncio.create_task(reads.get("b"))
    await shelf.begun.wait()

    hasty.cancel()
    shelf.door.set()

    assert await patient == 2
    with pytest.raises(asyncio.CancelledError):
        await hasty
