"""Group commit: few writes, in order, and nobody is told that something is durable which is not."""

from __future__ import annotations

import asyncio

import pytest

from enforcer.core.exceptions import UnavailableError
from enforcer.storage.tables.write_coalescer import WriteCoalescer

pytestmark = pytest.mark.anyio


class Book:
    """Where items become durable once `door` is open; `most_at_once` says how many writes there were."""

    def __init__(self) -> None:
        self.writes: list[list[int]] = []
        self.under_way = self.most_at_once = 0
        self.door = asyncio.Event()
        self.door.set()

    async def write(self, items: list[int]) -> None:
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        self.writes.append(items)
        await self.door.wait()
        await asyncio.sleep(0)
        self.under_way -= 1


async def test_what_comes_at_the_same_time_is_written_together_and_in_order() -> None:
    book = Book()
    commit = WriteCoalescer(book.write, most=10)

    await asyncio.gather(*(commit.add([number, -number]) for number in (1, 2, 3)))

    assert book.writes == [[1, -1, 2, -2, 3, -3]]


async def test_a_write_stays_within_its_limit_and_keeps_items_together() -> None:
    book = Book()
    commit = WriteCoalescer(book.write, most=5)

    await asyncio.gather(*(commit.add([number, -number]) for number in (1, 2, 3)))
    await commit.add(list(range(12)))

    assert book.writes[:2] == [[1, -1, 2, -2], [3, -3]]
    assert book.writes[2:] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11]]


async def test_there_is_one_write_at_a_time_where_the_order_counts() -> None:
    book = Book()

    await WriteCoalescer(book.write, most=2).add(list(range(20)))

    assert (len(book.writes), book.most_at_once) == (10, 1)


async def test_several_full_writes_run_at_once_where_allowed() -> None:
    book = Book()
    commit = WriteCoalescer(book.write, most=2, under_way=3)

    await commit.add(list(range(20)))
    full = book.most_at_once
    book.most_at_once = 0
    book.door.clear()
    single = [asyncio.create_task(commit.add([number])) for number in (1, 2)]
    await asyncio.sleep(0)
    book.door.set()
    await asyncio.gather(*single)

    assert (full, book.most_at_once) == (3, 1)
    assert sorted(item for write in book.writes[:10] for item in write) == list(range(20))


async def test_nothing_is_durable_before_the_write_has_ended() -> None:
    book = Book()
    book.door.clear()
    adding = asyncio.create_task(WriteCoalescer(book.write, most=2).add([1]))
    await asyncio.sleep(0.01)

    assert book.writes == [[1]]
    assert not adding.done()
    book.door.set()
    await adding


async def test_a_failure_is_told_to_everybody_in_that_write_and_to_nobody_else() -> None:
    async def write(items: list[int]) -> None:
        if 1 in items:
            raise UnavailableError("storage did not answer")

    commit = WriteCoalescer(write, most=2)
    results = await asyncio.gather(*(commit.add([number]) for number in (1, 2, 3)), return_exceptions=True)

    assert [type(result) for result in results] == [UnavailableError, UnavailableError, type(None)]


async def test_an_item_added_at_the_very_end_of_a_write_is_written_too() -> None:
    book = Book()
    commit = WriteCoalescer(book.write, most=2)

    async def one_after_the_other() -> None:
        for number in range(50):
            await commit.add([number])

    await asyncio.wait_for(asyncio.gather(*(one_after_the_other() for _ in range(3))), timeout=5)

    assert sum(len(write) for write in book.writes) == 150
